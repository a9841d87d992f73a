import { expect, it } from 'vitest';
import { cleanName, nameFault, near } from './name';

it.each([
  ['alice', null],
  ['a1b', null],
  ['alice-m', null],
  ['al', 'short'],
  ['', 'short'],
  ['a'.repeat(30), null],
  ['a'.repeat(31), 'long'],
  ['alice_m', 'letters'],
  ['alice m', 'letters'],
  ['älice', 'letters'],
  ['\u212Aate', 'letters'], // the Kelvin sign, which lower-casing would make a k
  ['alice.m', 'letters'],
  ['-alice', 'hyphen'],
  ['alice-', 'hyphen'],
  ['al--ice', 'hyphen'],
  ['admin', 'kept'],
  ['status', 'kept'],
] as const)('%j: %s', (name, fault) => expect(nameFault(name)).toBe(fault));

it('leaves capitals and spaces around to nobody', () => expect(cleanName('  Alice-M ')).toBe('alice-m'));

it('proposes names that can be had, and not the one that was asked for', () => {
  expect(near('alice')).toEqual(['my-alice', 'alice-pc', 'alice-home']);
  for (const name of ['abc', 'a'.repeat(30), `${'a'.repeat(24)}-b-c`, `${'ab-'.repeat(9)}abc`]) {
    const list = near(name);
    expect(list).toHaveLength(3);
    for (const n of list) expect([n, nameFault(n)]).toEqual([n, null]);
    expect(list).not.toContain(name);
  }
});
