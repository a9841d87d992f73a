import type { Entry } from '../../api/files';
import type { FileEvent } from '../../api/socket';
import { dirOf } from '../../api/path';

export type SortKey = 'name' | 'modified' | 'size';
export interface Sort {
  key: SortKey;
  descending: boolean;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** Folders first, whatever the order; equal ones by name, so that nothing ever trades places. */
export function order(sort: Sort): (a: Entry, b: Entry) => number {
  const sign = sort.descending ? -1 : 1;
  const names = (a: Entry, b: Entry) => collator.compare(a.name, b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return (a, b) => {
    if (a.is_dir !== b.is_dir) return a.is_dir ? -1 : 1;
    if (sort.key === 'modified' && a.modified !== b.modified) return sign * (a.modified - b.modified);
    if (sort.key === 'size' && (a.size ?? 0) !== (b.size ?? 0)) return sign * ((a.size ?? 0) - (b.size ?? 0));
    return sort.key === 'name' ? sign * names(a, b) : names(a, b);
  };
}

// Above this many changes at once sorting anew is cheaper than finding each place.
const many = 200;

/** The entries of one folder in order, kept up to date by events. Every change makes a new array. */
export class Listing {
  readonly path: string;
  #sort: Sort;
  #byUid = new Map<string, Entry>();
  #byName = new Map<string, string>();
  #sorted: readonly Entry[] = [];

  constructor(path: string, sort: Sort) {
    this.path = path;
    this.#sort = sort;
  }

  get entries(): readonly Entry[] {
    return this.#sorted;
  }

  get(uid: string): Entry | undefined {
    return this.#byUid.get(uid);
  }

  named(name: string): Entry | undefined {
    return this.#byUid.get(this.#byName.get(name) ?? '');
  }

  replace(entries: readonly Entry[]): void {
    this.#byUid = new Map(entries.map((e) => [e.uid, e]));
    this.#byName = new Map(entries.map((e) => [e.name, e.uid]));
    this.#sortAll();
  }

  sort(sort: Sort): void {
    this.#sort = sort;
    this.#sortAll();
  }

  /** Folds events in. Each may come twice, and an answer may have told it already. */
  apply(events: readonly FileEvent[]): boolean {
    const changed = new Map<string, Entry | null>();
    for (const e of events) {
      if (e.kind !== 'removed' && dirOf(e.entry.path) === this.path) this.#set(e.entry, changed);
      else if (e.kind !== 'removed') this.#drop(e.entry.uid, changed);
      else if (!e.descendantsOnly) this.#drop(e.uid, changed);
    }
    if (changed.size === 0) return false;

    if (changed.size > many) {
      this.#sortAll();
      return true;
    }
    const compare = order(this.#sort);
    const next = this.#sorted.filter((e) => !changed.has(e.uid));
    for (const entry of changed.values()) if (entry) next.splice(placeOf(next, entry, compare), 0, entry);
    this.#sorted = next;
    return true;
  }

  #set(entry: Entry, changed: Map<string, Entry | null>): void {
    // A name stands for one entry: whatever else had it is gone, also when its "removed" was missed.
    const other = this.#byName.get(entry.name);
    if (other !== undefined && other !== entry.uid) this.#drop(other, changed);
    const before = this.#byUid.get(entry.uid);
    if (before && before.name !== entry.name) this.#byName.delete(before.name);
    this.#byUid.set(entry.uid, entry);
    this.#byName.set(entry.name, entry.uid);
    changed.set(entry.uid, entry);
  }

  #drop(uid: string, changed: Map<string, Entry | null>): void {
    const entry = this.#byUid.get(uid);
    if (!entry) return;
    this.#byUid.delete(uid);
    if (this.#byName.get(entry.name) === uid) this.#byName.delete(entry.name);
    changed.set(uid, null);
  }

  #sortAll(): void {
    this.#sorted = [...this.#byUid.values()].sort(order(this.#sort));
  }
}

function placeOf(sorted: readonly Entry[], entry: Entry, compare: (a: Entry, b: Entry) => number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    const at = sorted[mid];
    if (at && compare(at, entry) <= 0) low = mid + 1;
    else high = mid;
  }
  return low;
}
