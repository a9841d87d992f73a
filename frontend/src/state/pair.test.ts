import { expect, it } from 'vitest';
import { cleanPair, groups } from './pair';

it.each([
  ['7KQ2M-X9D4T', '7KQ2MX9D4T'],
  [' 7kq2m x9d4t ', '7KQ2MX9D4T'],
  ['oOiIlL', '001111'],
  ['uU?é', ''], // no letters of any code
  ['7KQ2M–X9D4T7KQ2M', '7KQ2MX9D4T'],
  ['http://alice.localhost:4200/#pair=7KQ2MX9D4T', '7KQ2MX9D4T'],
])('code %j', (typed, code) => expect(cleanPair(typed)).toBe(code));

it('is read in two groups', () => expect(groups('7KQ2MX9D4T')).toEqual(['7KQ2M', 'X9D4T']));
