import { describe, expect, it } from 'vitest';
import type { Session } from '../../api/sessions';
import { deviceOf, inOrder, used } from './device';

const now = new Date(2025, 10, 25, 10, 0);
const at = (minutesAgo: number) => new Date(now.getTime() - minutesAgo * 60_000).toISOString();

const phone: Session = {
  uuid: 'b',
  kind: 'web',
  current: false,
  label: 'Chrome on Android',
  created_at: at(100),
  last_activity: at(12),
  last_ip: '203.0.113.7',
  last_user_agent: 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36',
  created_via: 'pair',
};

describe('deviceOf', () => {
  it('says once what is said twice', () =>
    expect(deviceOf(phone, now)).toEqual({ uuid: 'b', name: 'Chrome on Android', icon: 'smartphone', current: false, about: '203.0.113.7 · paired · used 12 minutes ago' }));
  it('tells a name of its own', () => expect(deviceOf({ ...phone, label: 'Pixel 9' }, now).about).toMatch(/^Pixel 9 · 203/));
  it('tells of this one since when', () =>
    expect(deviceOf({ ...phone, current: true, created_via: 'wallet', created_at: at(24 * 60) }, now).about).toBe('203.0.113.7 · with a key · since yesterday 10:00'));
  it('falls back on the label, and on the kind', () => {
    expect(deviceOf({ ...phone, last_user_agent: 'curl/8.5.0', label: 'Backup' }, now).name).toBe('Backup');
    expect(deviceOf({ ...phone, last_user_agent: '', label: '' }, now).name).toBe('Unknown browser');
    expect(deviceOf({ ...phone, kind: 'dav', label: '' }, now).name).toBe('Network folder');
  });
  it('says nothing of a way in that it does not know', () => expect(deviceOf({ ...phone, created_via: 'carrier pigeon' }, now).about).toBe('203.0.113.7 · used 12 minutes ago'));
});

it.each([
  [0, 'used in the last minutes'],
  [5.9, 'used in the last minutes'],
  [-3, 'used in the last minutes'], // its clock is ahead
  [6, 'used 6 minutes ago'],
  [59, 'used 59 minutes ago'],
  [60, 'used today 09:00'],
  [24 * 60, 'used yesterday 10:00'],
  [5 * 24 * 60, 'used 20 Nov'],
])('%d minutes ago is %s', (m, text) => expect(used(at(m), now)).toBe(text));

it('puts this one first, then the ones used last', () => {
  const list = [phone, { ...phone, uuid: 'a' }, { ...phone, uuid: 'c', last_activity: at(1) }, { ...phone, uuid: 'd', current: true, last_activity: at(500) }];
  expect(inOrder(list).map((s) => s.uuid)).toEqual(['d', 'c', 'a', 'b']);
});
