import { describe, expect, it } from 'vitest';
import { all, clear, click, nothing, only, prune, step, toggle } from './selection';

const order = ['a', 'b', 'c', 'd', 'e'];
const marks = (s: { marked: ReadonlySet<string> }) => [...s.marked].sort().join('');

describe('selection', () => {
  it('by clicks', () => {
    let s = click(nothing, order, 'b', {});
    expect(marks(s)).toBe('b');
    s = click(s, order, 'd', { range: true });
    expect(marks(s)).toBe('bcd');
    s = click(s, order, 'a', { range: true }); // from the anchor, not from the last
    expect(marks(s)).toBe('ab');
    s = click(s, order, 'e', { toggle: true });
    expect(marks(s)).toBe('abe');
    s = click(s, order, 'c', { range: true, toggle: true }); // adds a range
    expect(marks(s)).toBe('abcde');
    s = click(s, order, 'c', {});
    expect(marks(s)).toBe('c');
  });

  it('by keys', () => {
    let s = step(nothing, order, 1, {});
    expect(s.focus).toBe('a');
    s = step(s, order, 1, { range: true });
    s = step(s, order, 1, { range: true });
    expect(marks(s)).toBe('abc');
    s = step(s, order, -1, { range: true });
    expect(marks(s)).toBe('ab');
    s = step(s, order, 2, { toggle: true }); // moves the focus only
    expect([s.focus, marks(s)]).toEqual(['d', 'ab']);
    s = toggle(s, 'd');
    expect(marks(s)).toBe('abd');
    s = step(s, order, 99, {});
    expect([s.focus, marks(s)]).toEqual(['e', 'e']);
    expect(marks(all(s, order))).toBe('abcde');
    expect(marks(clear(s))).toBe('');
    expect(step(nothing, [], 1, {})).toBe(nothing);
    expect(step(nothing, order, -1, {}).focus).toBe('e');
  });

  it('lets go of what is gone and keeps its place', () => {
    const s = { ...only('c'), marked: new Set(['b', 'c']) };
    const after = prune(s, order, new Set(['a', 'b', 'd', 'e']));
    expect([after.focus, marks(after)]).toEqual(['d', 'b']);
    expect(prune(s, order, new Set(['a', 'b'])).focus).toBe('b');
    expect(prune(s, order, new Set()).focus).toBeNull();
    expect(prune(s, order, new Set(order))).toBe(s);
  });
});
