import { describe, expect, it } from 'vitest';
import { fromDrop, fromFiles, type FoundFile } from './gather';

/** Entries as the browser hands them out: asynchronous, a folder in batches of a hundred. */
const fileEntry = (name: string) => ({ isFile: true, isDirectory: false, name, file: (ok: (f: File) => void) => setTimeout(() => ok(new File(['x'], name))) });
const dirEntry = (name: string, children: unknown[]) => ({
  isFile: false,
  isDirectory: true,
  name,
  createReader() {
    let at = 0;
    return {
      readEntries(ok: (e: unknown[]) => void) {
        setTimeout(() => ok(children.slice(at, (at += 100))));
      },
    };
  },
});
const items = (...entries: { name: string }[]) =>
  entries.map((e) => ({ kind: 'file', webkitGetAsEntry: () => e, getAsFile: () => new File(['x'], e.name) })) as unknown as DataTransferItemList;

describe('gather', () => {
  it('walks folders, empty ones and batches included', async () => {
    const many = Array.from({ length: 250 }, (_, n) => fileEntry(`f${n}`));
    const [found, single] = fromDrop(items(dirEntry('top', [fileEntry('a'), dirEntry('empty', []), dirEntry('sub', [dirEntry('deep', many)])]), fileEntry('single')));
    expect(single).toMatchObject({ kind: 'file', name: 'single' });
    const files: FoundFile[] = [];
    const empty: string[] = [];
    if (found?.kind !== 'folder') throw new Error('no folder');
    await found.read((f, d) => {
      files.push(...f);
      empty.push(...d);
    });
    expect(files.map((f) => f.rel)).toEqual(['a', ...many.map((m) => `sub/deep/${m.name}`)]);
    expect(empty).toEqual(['empty']);
  });

  it('passes on that a folder could not be read', async () => {
    const broken = { isFile: false, isDirectory: true, name: 'x', createReader: () => ({ readEntries: (_: unknown, no: (e: Error) => void) => no(new Error('denied')) }) };
    const [found] = fromDrop(items(broken));
    if (found?.kind !== 'folder') throw new Error('no folder');
    await expect(found.read(() => {})).rejects.toThrow('denied');
  });

  it('sorts the files of a picked folder', async () => {
    const at = (path: string) => Object.defineProperty(new File(['x'], path.split('/').at(-1) ?? ''), 'webkitRelativePath', { value: path });
    const found = fromFiles([at('P/a'), at('P/x/b'), Object.defineProperty(new File(['x'], 'loose'), 'webkitRelativePath', { value: '' })]);
    expect(found.map((f) => [f.kind, f.name])).toEqual([
      ['file', 'loose'],
      ['folder', 'P'],
    ]);
    const folder = found[1];
    if (folder?.kind !== 'folder') throw new Error('no folder');
    const rels: string[] = [];
    await folder.read((f) => rels.push(...f.map((x) => x.rel)));
    expect(rels).toEqual(['a', 'x/b']);
  });
});
