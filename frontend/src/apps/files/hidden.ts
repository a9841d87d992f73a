import type { Entry } from '../../api/files';

// Folders of the system that have no function on the page yet.
const names = new Set(['Trash', 'AppData']);

export function isHidden(entry: Entry, home: string): boolean {
  return entry.immutable && names.has(entry.name) && entry.path === `${home}/${entry.name}`;
}
