import { describe, expect, it } from 'vitest';
import type { Entry } from '../../api/files';
import type { FileEvent } from '../../api/socket';
import { Listing } from './listing';

const e = (name: string, more: Partial<Entry> = {}): Entry =>
  ({ uid: name, name, path: `/h/${name}`, is_dir: false, modified: 1, size: 1, ...more }) as Entry;
const dir = (name: string) => e(name, { is_dir: true, size: null });
const names = (l: Listing) => l.entries.map((x) => x.name);
const listing = (...entries: Entry[]) => {
  const l = new Listing('/h', { key: 'name', descending: false });
  l.replace(entries);
  return l;
};
const added = (entry: Entry): FileEvent => ({ kind: 'added', entry });

describe('order', () => {
  it('is folders first, numbers as numbers', () => {
    const l = listing(e('file 10'), e('file 9'), dir('z'), e('Äpfel'), dir('a'));
    expect(names(l)).toEqual(['a', 'z', 'Äpfel', 'file 9', 'file 10']);
    l.sort({ key: 'name', descending: true });
    expect(names(l)).toEqual(['z', 'a', 'file 10', 'file 9', 'Äpfel']);
  });

  it('by size and by time, equal ones by name', () => {
    const l = listing(e('a', { size: 5 }), e('b', { size: 9 }), e('c', { size: 5, modified: 7 }));
    l.sort({ key: 'size', descending: true });
    expect(names(l)).toEqual(['b', 'a', 'c']);
    l.sort({ key: 'modified', descending: true });
    expect(names(l)).toEqual(['c', 'a', 'b']);
  });
});

describe('events', () => {
  it('come once or twice, and do the same', () => {
    const l = listing(e('a'), e('c'));
    expect(l.apply([added(e('b'))])).toBe(true);
    l.apply([added(e('b')), added(e('b'))]);
    expect(names(l)).toEqual(['a', 'b', 'c']);
  });

  it('of elsewhere are nothing', () => {
    const l = listing(e('a'));
    const before = l.entries;
    expect(l.apply([added(e('x', { path: '/h/sub/x' })), { kind: 'removed', path: '/h/sub/y', uid: 'y', descendantsOnly: false }])).toBe(false);
    expect(l.entries).toBe(before);
  });

  it('take in and take away', () => {
    const l = listing(e('a'), e('b'));
    l.apply([{ kind: 'moved', entry: e('b', { path: '/h/sub/b' }), oldPath: '/h/b' }]);
    expect(names(l)).toEqual(['a']);
    l.apply([{ kind: 'moved', entry: e('b'), oldPath: '/h/sub/b' }]);
    expect(names(l)).toEqual(['a', 'b']);
    l.apply([{ kind: 'removed', path: '/h/a', uid: 'a', descendantsOnly: false }]);
    expect(names(l)).toEqual(['b']);
    l.apply([{ kind: 'removed', path: '/h/b', uid: 'b', descendantsOnly: true }]);
    expect(names(l)).toEqual(['b']);
  });

  it('rename in place', () => {
    const l = listing(e('a'), e('b'));
    l.apply([{ kind: 'renamed', entry: e('z', { uid: 'a' }), oldPath: '/h/a' }]);
    expect(names(l)).toEqual(['b', 'z']);
    expect(l.named('a')).toBeUndefined();
    expect(l.named('z')?.uid).toBe('a');
  });

  it('let one name stand for one entry, also when a "removed" was missed', () => {
    const l = listing(e('a'), e('b'));
    l.apply([{ kind: 'moved', entry: e('a', { uid: 'new' }), oldPath: '/h/sub/a' }]);
    expect(l.entries.map((x) => x.uid)).toEqual(['new', 'b']);
  });

  it('in thousands are the same as one by one', () => {
    const many = Array.from({ length: 3000 }, (_, n) => e(`f${(n * 7919) % 3000}`));
    const one = listing();
    for (const entry of many) one.apply([added(entry)]);
    const all = listing();
    all.apply(many.map(added));
    expect(names(one)).toEqual(names(all));
    expect(names(one)[0]).toBe('f0');
    expect(names(one)[2999]).toBe('f2999');
  });
});
