import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NameCheck } from './check.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const taken = new Set(['alice', 'my-alice']);
const registry = () => vi.fn((name: string) => Promise.resolve(!taken.has(name)));

it('asks once, for what stands there after a pause', async () => {
  const ask = registry();
  const check = new NameCheck(ask);
  for (const text of ['b', 'bo', 'bob', 'Bobb', 'Bobby ']) check.typed(text);
  expect(check.verdict).toEqual({ kind: 'checking' });
  await vi.runAllTimersAsync();
  expect(ask.mock.calls.map(([name]) => name)).toEqual(['bobby']);
  expect(check.verdict).toEqual({ kind: 'free' });
});

it('knows by itself what is no name, and which is the own one', () => {
  const ask = registry();
  const check = new NameCheck(ask);
  const said = (text: string) => (check.typed(text, 'carol'), check.verdict);
  expect(said('')).toEqual({ kind: 'empty' });
  expect(said('b')).toEqual({ kind: 'fault', fault: 'short' });
  expect(said('b_b')).toEqual({ kind: 'fault', fault: 'letters' });
  expect(said('Carol')).toEqual({ kind: 'own' });
  vi.runAllTimers();
  expect(ask).not.toHaveBeenCalled();
});

it('offers what is free instead of a taken name', async () => {
  const check = new NameCheck(registry());
  check.typed('alice');
  await vi.runAllTimersAsync();
  expect(check.verdict).toEqual({ kind: 'taken', free: ['alice-pc', 'alice-home'] });
});

it('lets an old answer say nothing about a new name', async () => {
  const answers: ((free: boolean) => void)[] = [];
  const check = new NameCheck(() => new Promise((answer) => answers.push(answer)));
  check.typed('first');
  await vi.runAllTimersAsync();
  check.typed('second');
  await vi.runAllTimersAsync();
  answers[1]?.(true);
  await vi.runAllTimersAsync();
  answers[0]?.(false);
  await vi.runAllTimersAsync();
  expect(check.verdict).toEqual({ kind: 'free' });
});

it('says that nobody could be asked', async () => {
  const error = new Error('no answer');
  const check = new NameCheck(() => Promise.reject(error));
  check.typed('alice');
  await vi.runAllTimersAsync();
  expect(check.verdict).toEqual({ kind: 'unknown', error });
});
