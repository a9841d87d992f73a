import { expect, it } from 'vitest';
import type { Check, Reach } from '../../api/network';
import { findings, type Asked } from './findings';

const reach: Reach = {
  connected: true,
  path: 'relay',
  publicEndpoint: 'https://alice.example',
  superNode: { id: 'S', address: '198.51.100.10:8090', gatewayUrl: 'https://example' },
  connectedAt: '',
  trouble: null,
};
const offline: Reach = { ...reach, connected: false, path: 'offline', superNode: null };
const superNodes = [{ id: 'S', address: '198.51.100.10:8090', gatewayUrl: 'https://example', inUse: true }];
const good: Check = { at: '', reached: true, ms: 46, superNodeMs: 27 };
const silent: Check = { at: '', reached: false, ms: null, superNodeMs: null };

it.each<[string, Asked, string[]]>([
  ['at first', { reach: offline, superNodes, check: null, busy: true }, ['looking', 'looking', 'looking']],
  ['the way is there before the check', { reach, superNodes, check: null, busy: true }, ['looking', 'good', 'looking']],
  ['all well', { reach, superNodes, check: good, busy: false }, ['good', 'good', 'good', 'info']],
  ['checked once more', { reach, superNodes, check: good, busy: true }, ['good', 'good', 'good']],
  ['nothing answers', { reach: offline, superNodes, check: silent, busy: false }, ['bad', 'bad']],
  ['and is asked again', { reach: offline, superNodes, check: silent, busy: true }, ['looking', 'looking', 'looking']],
  ['the relay answers, the address does not', { reach, superNodes, check: { ...silent, superNodeMs: 3 }, busy: false }, ['good', 'good', 'bad']],
])('%s', (_, asked, states) => expect(findings(asked).map((f) => f.state)).toEqual(states));

it('says where the relay is, and what an open address means', () => {
  const [relay, way, call, lock] = findings({ reach, superNodes, check: good, busy: false });
  expect(relay?.more).toBe('198.51.100.10, 27 ms away');
  expect(way?.what).toBe('The relay brings visitors to you');
  expect(call?.more).toBe('alice.example');
  expect(lock?.what).toContain('the service that lends the address can read');
  expect(findings({ reach: { ...reach, publicEndpoint: 'http://alice.example' }, superNodes, check: good, busy: false }).at(-1)?.state).toBe('bad');
  const hint = 'Your router opens no way in by itself.';
  expect(findings({ reach: { ...reach, hint }, superNodes, check: good, busy: false })[3]).toEqual({ state: 'info', what: 'Large files could be faster from outside', more: hint });
  expect(findings({ reach: { ...reach, path: 'mapped', hint }, superNodes, check: good, busy: false })).toHaveLength(4);
  expect(findings({ reach: { ...reach, path: 'mapped' }, superNodes, check: good, busy: false })[1]?.what).toBe('Your router lets visitors in');
  expect(findings({ reach: { ...reach, publicEndpoint: 'http://alice.localhost:1' }, superNodes, check: good, busy: false })[0]?.more).toBe('On this PC, 27 ms away');
});
