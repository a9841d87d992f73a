import { beforeEach, expect, it, vi } from 'vitest';
import type { User } from '../api/auth';
import { keepSetup, setupStep } from './setup';

const alice = { uuid: 'a' } as User;
const bob = { uuid: 'b' } as User;
let kept: Map<string, string>;

beforeEach(() => {
  kept = new Map();
  vi.stubGlobal('localStorage', {
    getItem: (k: string) => kept.get(k) ?? null,
    setItem: (k: string, v: string) => void kept.set(k, v),
    removeItem: (k: string) => void kept.delete(k),
  });
});

it('goes on where it was, for the one who began it', () => {
  expect(setupStep(alice)).toBe(null);
  keepSetup(alice, 'name');
  expect(setupStep(alice)).toBe('name');
  keepSetup(alice, 'reach');
  expect(setupStep(alice)).toBe('reach');
  expect(setupStep(bob)).toBe(null);
  keepSetup(alice, null);
  expect(setupStep(alice)).toBe(null);
});

it.each(['', '{', '"name"', '{"user":"a","step":"owner"}', '{"user":"a"}', 'null'])('kept %j is nothing', (text) => {
  kept.set('pc2.setup', text);
  expect(setupStep(alice)).toBe(null);
});

it('works without storage', () => {
  const no = () => {
    throw new DOMException('no', 'SecurityError');
  };
  vi.stubGlobal('localStorage', { getItem: no, setItem: no, removeItem: no });
  keepSetup(alice, 'name');
  expect(setupStep(alice)).toBe(null);
});
