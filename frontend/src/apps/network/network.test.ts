import { expect, it } from 'vitest';
import type { Check, Reach } from '../../api/network';
import { drawing } from './drawing';
import { roads, type Facts } from './roads';
import { checked, ms, readers, said } from './says';

const reach: Reach = {
  connected: true,
  path: 'relay',
  publicEndpoint: 'https://alice.example',
  superNode: { id: 'S', address: '198.51.100.10:8090', gatewayUrl: 'https://example' },
  connectedAt: '2026-11-25T00:00:00.000Z',
  trouble: null,
};
const good: Check = { at: '2026-11-25T10:00:00.000Z', reached: true, ms: 46.4, superNodeMs: 27 };
const facts: Facts = {
  way: 'gateway',
  online: true,
  browser: 'Firefox on Windows',
  icon: 'monitor',
  reach,
  superNodes: [{ id: 'S', address: '198.51.100.10:8090', gatewayUrl: 'https://example', inUse: true }],
  check: good,
  here: 46,
  edge: 19,
};
const at = (change: Partial<Facts>, way: Partial<Reach> = {}): Facts => ({ ...facts, ...change, reach: { ...reach, ...way } });
const gone: Partial<Reach> = { connected: false, path: 'offline', superNode: null };
const nameless: Partial<Reach> = { ...gone, publicEndpoint: null };

/** "browser 19 relay 27 pc"; a hop that does not work is a dash. */
const told = (f: Facts) => roads(f).map((r) => r.hops.map((h) => `${h.from} ${h.lit ? (h.ms ?? '?') : '-'} `).join('') + r.stations.at(-1)?.id);

it.each<[string, Facts, string[]]>([
  ['from outside, by the relay', facts, ['browser 19 relay 27 pc']],
  ['from outside, by the router', at({}, { path: 'mapped' }), ['browser 19 service 27 router ? pc']],
  ['from outside, straight', at({}, { path: 'direct' }), ['browser 19 service 27 pc']],
  ['from outside, when nothing was measured', at({ here: null, edge: null }), ['browser ? relay ? pc']],
  ['from outside, when the node is silent', at({ online: false }), ['browser - relay - pc']],
  ['at the PC', at({ way: 'loopback', here: 1 }), ['browser 1 pc', 'others ? relay 27 pc']],
  ['at the PC, before a test', at({ way: 'loopback', here: 1, check: null }), ['browser 1 pc', 'others ? relay ? pc']],
  ['in the home network, the relay gone', at({ way: 'lan', here: 2 }, gone), ['browser 2 pc', 'others - relay - pc']],
  ['at the PC, without a name', at({ way: 'loopback', here: null }, nameless), ['browser ? pc', 'others - relay - pc']],
  ['at the PC, without super nodes', at({ way: 'loopback', here: 1, superNodes: [] }, nameless), ['browser 1 pc']],
  ['at the PC, with an open router', at({ way: 'loopback', here: 1 }, { path: 'mapped' }), ['browser 1 pc', 'others ? service 27 router ? pc']],
])('%s', (_, f, hops) => expect(told(f)).toEqual(hops));

it('says of each station what holds', () => {
  const about = (f: Facts) => Object.fromEntries(roads(f).flatMap((r) => r.stations.map((s) => [s.id, s.about])));
  expect(about(facts)).toEqual({ browser: 'Firefox on Windows', relay: '198.51.100.10, in use', pc: 'alice.example' });
  expect(about(at({ way: 'loopback' }, gone))).toMatchObject({ relay: 'Not connected', others: 'From anywhere' });
  expect(about(at({ way: 'loopback', check: { ...good, reached: false, ms: null, superNodeMs: null } }, gone))).toMatchObject({ relay: 'Does not answer' });
  expect(about(at({ way: 'loopback' }, nameless))).toMatchObject({ relay: 'Waits for a name', others: 'Cannot come in yet', pc: 'Has no name yet' });
  expect(about(at({}, { publicEndpoint: 'http://alice.localhost:4300' }))).toMatchObject({ relay: 'On this PC, in use' });
  expect(about(at({ way: 'loopback' }, { publicEndpoint: 'http://alice.localhost:4300' }))).toMatchObject({ others: 'By its address' });
  expect(about(at({ online: false, here: null }))).toMatchObject({ relay: 'Answers', pc: 'Does not answer' });
  expect(about(at({ online: false, here: null, edge: null }))).toMatchObject({ relay: 'Does not answer', pc: 'Cannot be seen now' });
});

it.each<[string, Facts, string, string]>([
  ['relay', facts, 'relay', 'You are connected through a relay.'],
  ['relay, from home', at({ way: 'lan' }), 'relay', 'Reachable through a relay.'],
  ['mapped', at({}, { path: 'mapped' }), 'direct', 'Reachable through your router.'],
  ['direct', at({}, { path: 'direct' }), 'direct', 'Reachable directly.'],
  ['silent', at({ online: false }), 'offline', 'Your PC2 does not answer.'],
  ['no name', at({ way: 'lan' }, nameless), 'local', 'Not reachable from outside.'],
  ['relay gone', at({ way: 'lan' }, gone), 'offline', 'Not reachable from outside at the moment.'],
])('one sentence: %s', (_, f, dot, what) => expect([said(f).dot, said(f).what]).toEqual([dot, what]));

it('offers a name where a name would help', () => {
  expect(said(at({ way: 'loopback' }, nameless)).needsName).toBe(true);
  expect(said(at({ way: 'loopback' }, { ...nameless, trouble: 'name_taken' })).more).toContain('belongs to another PC2');
  expect(said(at({ way: 'loopback', superNodes: [] }, nameless)).needsName).toBe(false);
});

it.each<[string, Facts, boolean, string[]]>([
  ['outside, gateway TLS', facts, true, ['lock']],
  ['outside, clear', at({}, { publicEndpoint: 'http://alice.example' }), false, ['lock-open bad']],
  ['outside, for trying out', at({}, { publicEndpoint: 'http://alice.localhost:1' }), false, ['lock-open']],
  ['at the PC', at({ way: 'loopback' }), false, ['lock', 'lock']],
  ['at the PC, no name', at({ way: 'loopback' }, nameless), false, ['lock']],
  ['at home, clear', at({ way: 'lan' }), false, ['lock-open bad', 'lock']],
])('who can read: %s', (_, f, secure, icons) => expect(readers(f, secure).map((r) => r.icon + (r.bad ? ' bad' : ''))).toEqual(icons));

it.each([
  [0, 'Tested just now: its address answered in 46 ms.'],
  [3 * 60_000, 'Tested 3 minutes ago: its address answered in 46 ms.'],
  [60 * 60_000, 'Tested 1 hour ago: its address answered in 46 ms.'],
  [-5000, 'Tested just now: its address answered in 46 ms.'], // two clocks
])('after %d ms', (later, text) => expect(checked(good, Date.parse(good.at) + later)).toBe(text));

it('says when a test found nobody, and nothing when there was none', () => {
  expect(checked({ ...good, reached: false, ms: null }, Date.parse(good.at))).toBe('Tested just now: its address did not answer.');
  expect(checked(null, 0)).toBe('');
  expect([ms(0.2), ms(0.99), ms(1), ms(46.5)]).toEqual(['< 1 ms', '< 1 ms', '1 ms', '47 ms']);
});

it.each<[string, Facts]>([
  ['relay', facts],
  ['router', at({}, { path: 'mapped' })],
  ['home', at({ way: 'loopback' })],
  ['home and router', at({ way: 'loopback' }, { path: 'mapped' })],
  ['alone', at({ way: 'loopback', superNodes: [] }, nameless)],
])('draws each station once and apart, the PC at the end: %s', (_, f) => {
  for (const tall of [false, true]) {
    const { stations, hops, height, share } = drawing(roads(f), tall);
    expect(new Set(stations.map((s) => s.id)).size).toBe(stations.length);
    expect(new Set(stations.map((s) => `${s.x} ${s.y}`)).size).toBe(stations.length);
    const pc = stations.find((s) => s.id === 'pc');
    for (const s of stations) {
      expect(s.x).toBeGreaterThan(0);
      expect(s.x).toBeLessThan(100);
      expect(s.x - share / 2).toBeGreaterThanOrEqual(-0.01);
      expect(s.x + share / 2).toBeLessThanOrEqual(100.01);
      expect(s.y + 76).toBeLessThanOrEqual(height);
      expect(tall ? s.y : s.x).toBeLessThanOrEqual((tall ? pc?.y : pc?.x) ?? 0);
    }
    expect(hops).toHaveLength(roads(f).reduce((n, r) => n + r.hops.length, 0));
  }
});
