/** What was dropped, picked or pasted, as files and folders of one tree. */

export interface FoundFile {
  /** Path below the item's own folder; '' for an item that is a file. */
  rel: string;
  file: File;
}

/** A thing of the top level: a file, or a folder whose content is still being looked through. */
export type Found =
  | { kind: 'file'; name: string; file: File }
  | { kind: 'folder'; name: string; read(found: (files: FoundFile[], emptyDirs: string[]) => void): Promise<void> };

/** Must be called in the event itself: the browser takes the items away afterwards. */
export function fromDrop(items: DataTransferItemList): Found[] {
  const found: Found[] = [];
  for (const item of items) {
    if (item.kind !== 'file') continue;
    const entry = item.webkitGetAsEntry();
    if (entry?.isDirectory) {
      const dir = entry as FileSystemDirectoryEntry;
      found.push({ kind: 'folder', name: dir.name, read: (tell) => walk(dir, '', tell) });
      continue;
    }
    const file = item.getAsFile();
    if (file) found.push({ kind: 'file', name: file.name, file });
  }
  return found;
}

/** Files of an <input>: with webkitdirectory they carry their folder in webkitRelativePath. */
export function fromFiles(files: Iterable<File>): Found[] {
  const found: Found[] = [];
  const folders = new Map<string, FoundFile[]>();
  for (const file of files) {
    const [top, ...rest] = file.webkitRelativePath.split('/');
    if (!top || rest.length === 0) {
      found.push({ kind: 'file', name: file.name, file });
      continue;
    }
    const list = folders.get(top) ?? [];
    list.push({ rel: rest.join('/'), file });
    folders.set(top, list);
  }
  for (const [name, list] of folders) found.push({ kind: 'folder', name, read: async (tell) => tell(list, []) });
  return found;
}

async function walk(dir: FileSystemDirectoryEntry, rel: string, tell: (files: FoundFile[], emptyDirs: string[]) => void): Promise<void> {
  const below = (name: string) => (rel === '' ? name : `${rel}/${name}`);
  const reader = dir.createReader();
  let empty = true;
  for (;;) {
    // Chromium gives a hundred at a time and an empty list at the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) break;
    empty = false;
    const files = await Promise.all(
      batch
        .filter((e): e is FileSystemFileEntry => e.isFile)
        .map(async (e) => ({ rel: below(e.name), file: await new Promise<File>((resolve, reject) => e.file(resolve, reject)) })),
    );
    if (files.length > 0) tell(files, []);
    for (const e of batch) if (e.isDirectory) await walk(e as FileSystemDirectoryEntry, below(e.name), tell);
  }
  if (empty && rel !== '') tell([], [rel]);
}
