import { describe, expect, it } from 'vitest';
import { exactSize, left, size, sizeOf, timer, when } from './format';

describe('size', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 KB'],
    [212_400, '212 KB'],
    [999_499, '999 KB'],
    [999_500, '1 MB'],
    [8_412_377, '8.4 MB'],
    [46_300_000, '46.3 MB'],
    [99_960_000, '100 MB'],
    [642_000_000, '642 MB'],
    [1_000_000_000_000, '1 TB'],
  ])('%d is %s', (bytes, text) => expect(size(bytes)).toBe(text));

  it('writes a part in the unit of the whole', () => expect(sizeOf(1_600_000_000, 2_100_000_000)).toBe('1.6 of 2.1 GB'));
  it('is exact when asked', () => {
    expect(exactSize(8412377)).toBe('8,412,377 bytes');
    expect(exactSize(1)).toBe('1 byte');
  });
});

describe('left', () => {
  it.each([
    [0.2, '1 s left'],
    [15, '15 s left'],
    [90, '2 min left'],
    [7300, '2 h left'],
  ])('%d s is %s', (s, text) => expect(left(s)).toBe(text));
});

it.each([
  [300, '5:00'],
  [252, '4:12'],
  [9, '0:09'],
  [0, '0:00'],
])('%d s on a timer is %s', (s, text) => expect(timer(s)).toBe(text));

describe('when', () => {
  const now = new Date(2025, 10, 25, 10, 0);
  const at = (...d: [number, number, number, number?, number?]) => new Date(...d).getTime() / 1000;
  it.each([
    [at(2025, 10, 25, 9, 41), 'Today 09:41'],
    [at(2025, 10, 25, 0, 0), 'Today 00:00'],
    [at(2025, 10, 24, 18, 20), 'Yesterday 18:20'],
    [at(2025, 10, 23, 23, 59), '23 Nov'],
    [at(2025, 8, 14), '14 Sep'],
    [at(2024, 8, 14), '14 Sep 2024'],
    [at(2025, 10, 26, 9, 0), '26 Nov'], // a clock that is ahead
  ])('%d is %s', (s, text) => expect(when(s, now)).toBe(text));
});
