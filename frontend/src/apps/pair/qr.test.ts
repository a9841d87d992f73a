import { encode } from 'uqr';
import { expect, it } from 'vitest';
import { path } from './qr';

it('joins neighbours', () =>
  expect(
    path([
      [true, true, false, true],
      [false, false, false, false],
      [false, true, true, true],
    ]),
  ).toBe('M0 0h2v1H0zM3 0h1v1H3zM1 2h3v1H1z'));

it('draws what was encoded, module for module', () => {
  const { data, size } = encode('http://alice.localhost:4200/#pair=7KQ2MX9D4T', { ecc: 'M', border: 0 });
  const drawn = Array.from({ length: size }, () => Array<boolean>(size).fill(false));
  for (const [, x, y, n] of path(data).matchAll(/M(\d+) (\d+)h(\d+)v1H\d+z/g)) drawn[Number(y)]?.fill(true, Number(x), Number(x) + Number(n));
  expect(drawn).toEqual(data);
  // Three corners with a finder pattern: otherwise no camera finds it.
  for (const [y, x] of [[0, 0], [0, size - 7], [size - 7, 0]] as const) expect(data.slice(y, y + 7).map((r) => r.slice(x, x + 7).map((b) => (b ? '#' : '.')).join(''))).toEqual(finder);
});

const finder = ['#######', '#.....#', '#.###.#', '#.###.#', '#.###.#', '#.....#', '#######'];
