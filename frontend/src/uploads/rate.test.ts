import { expect, it } from 'vitest';
import { Rate } from './rate';

it('is bytes per second of the last seconds', () => {
  const r = new Rate(5000);
  expect(r.perSecond).toBe(0);
  r.add(0, 0);
  r.add(100, 1000);
  expect(r.perSecond).toBe(0); // too early to say
  for (let s = 1; s <= 10; s++) r.add(s * 1000, s * 1000);
  expect(r.perSecond).toBeCloseTo(1000);
  for (let s = 11; s <= 20; s++) r.add(s * 1000, 10_000 + (s - 10) * 5000);
  expect(r.perSecond).toBeCloseTo(5000, -2);
  r.reset();
  expect(r.perSecond).toBe(0);
});
