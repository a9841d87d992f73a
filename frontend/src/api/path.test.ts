import { describe, expect, it } from 'vitest';
import { crumbs, dirOf, join, nameFault, nameOf, pathOf, splitName, urlOf, within } from './path';

const home = '/0xaa';

describe('path', () => {
  it('joins and takes apart', () => {
    expect(join('/', 'a')).toBe('/a');
    expect(join('/a', 'b')).toBe('/a/b');
    expect([dirOf('/a/b'), dirOf('/a'), nameOf('/a/b')]).toEqual(['/a', '/', 'b']);
  });

  it('knows what lies within', () => {
    expect(within('/a/b', '/a')).toBe(true);
    expect(within('/a', '/a')).toBe(true);
    expect(within('/ab', '/a')).toBe(false);
  });

  it('makes crumbs', () => {
    expect(crumbs('/0xaa/x/y', home, 'Files')).toEqual([
      { name: 'Files', path: '/0xaa' },
      { name: 'x', path: '/0xaa/x' },
      { name: 'y', path: '/0xaa/x/y' },
    ]);
    expect(crumbs(home, home, 'Files')).toHaveLength(1);
  });

  it.each(['/0xaa', '/0xaa/a b', '/0xaa/100 % #1?', '/0xaa/旅行/é', '/0xaa/..a', '/0xaa/a&b=c+d'])('%s comes back from the address', (path) => {
    expect(pathOf(new URL(urlOf(path, home), 'http://x').pathname, home)).toBe(path);
  });

  it.each([
    ['/', home],
    ['/files/', home],
    ['/files/a//b/', '/0xaa/a/b'],
    ['/files/%2e%2e/b', null],
    ['/files/a%2Fb', null],
    ['/files/%', null],
    ['/other', null],
  ])('%s is %s', (url, path) => expect(pathOf(url, home)).toBe(path));

  it.each([
    ['a.jpg', false, ['a', '.jpg']],
    ['.profile', false, ['.profile', '']],
    ['a.tar.gz', false, ['a.tar', '.gz']],
    ['v1.2', true, ['v1.2', '']],
    ['no ending', false, ['no ending', '']],
    ['Mr. Jones', false, ['Mr. Jones', '']],
  ])('%s', (name, dir, parts) => expect(splitName(name, dir)).toEqual(parts));

  it.each([
    ['ok', null],
    [' ', 'empty'],
    ['a/b', 'slash'],
    ['..', 'dots'],
    ['a\u0000', 'control'],
    ['x'.repeat(256), 'long'],
    ['旅'.repeat(255), null],
    ['👪'.repeat(251), 'long'],
  ])('%j as a name: %s', (name, fault) => expect(nameFault(name)).toBe(fault));
});
