import { readdir, type Entry } from '../../api/files';
import { ApiError } from '../../api/http';
import type { FileEvent } from '../../api/socket';
import { within } from '../../api/path';
import { isHidden } from './hidden';
import { Listing, type Sort, type SortKey } from './listing';
import { nothing, only, prune, type Selection } from './selection';

export type Status = 'loading' | 'ready' | 'error' | 'gone';

const sortKey = 'pc2.files.sort';

/** The open folder: what is in it, in which order, and what is marked. */
export class Folder {
  path = $state('');
  status = $state<Status>('loading');
  /** Loading takes long enough to be worth a drawing. */
  slow = $state(false);
  error = $state.raw<unknown>(null);
  entries = $state.raw<readonly Entry[]>([]);
  sort = $state.raw<Sort>(readSort());
  selection = $state.raw<Selection>(nothing);
  /** When the list was read. */
  readAt = $state.raw<Date | null>(null);

  readonly #home: string;
  #listing = new Listing('', this.sort);
  #reading: AbortController | null = null;
  /** What came while a listing was on its way: told again afterwards. */
  #meanwhile: FileEvent[] = [];

  constructor(home: string) {
    this.#home = home;
  }

  get marked(): Entry[] {
    return this.entries.filter((e) => this.selection.marked.has(e.uid));
  }

  named(name: string): Entry | undefined {
    return this.#listing.named(name);
  }

  /** Opens a folder; the old list stays in sight for a moment, so that nothing flickers. */
  async open(path: string): Promise<void> {
    this.path = path;
    this.status = 'loading';
    this.slow = false;
    this.error = null;
    this.selection = nothing;
    const timer = setTimeout(() => {
      if (this.status === 'loading') {
        this.slow = true;
        this.#show([]);
      }
    }, 200);
    await this.#read(path);
    clearTimeout(timer);
  }

  /** Reads the folder again and keeps what is marked. */
  async refresh(): Promise<void> {
    if (this.status === 'ready') await this.#read(this.path);
    else await this.open(this.path);
  }

  setSort(key: SortKey): void {
    // Names start at A, dates and sizes at the newest and the largest.
    this.sort = this.sort.key === key ? { key, descending: !this.sort.descending } : { key, descending: key !== 'name' };
    try {
      localStorage.setItem(sortKey, JSON.stringify(this.sort));
    } catch {
      // Then the order is forgotten with the page.
    }
    this.#listing.sort(this.sort);
    this.entries = this.#listing.entries;
  }

  /** Folds events, or the answers of own changes, into the list. */
  apply(events: readonly FileEvent[]): void {
    if (this.#reading) this.#meanwhile.push(...events);
    if (this.status !== 'ready') return;
    const shown = events.filter((e) => !('entry' in e) || this.#visible(e.entry));
    if (this.#listing.apply(shown)) this.#show(this.#listing.entries);
    for (const e of events) {
      if (e.kind === 'removed' && e.descendantsOnly && e.path === this.path) void this.refresh();
    }
  }

  /** Where this folder is after these events: its new path, null when it is gone, its path when nothing happened. */
  whereabouts(events: readonly FileEvent[]): string | null {
    let path: string = this.path;
    for (const e of events) {
      if (e.kind === 'removed' && !e.descendantsOnly && within(path, e.path)) return null;
      if ((e.kind === 'moved' || e.kind === 'renamed') && e.oldPath !== '' && within(path, e.oldPath)) path = e.entry.path + path.slice(e.oldPath.length);
    }
    return path;
  }

  /** Puts the keyboard at an entry, and marks it or not. */
  find(path: string, mark: boolean): void {
    const entry = this.entries.find((e) => e.path === path);
    if (entry) this.selection = mark ? only(entry.uid) : { ...only(entry.uid), marked: new Set() };
  }

  async #read(path: string): Promise<void> {
    this.#reading?.abort();
    const reading = (this.#reading = new AbortController());
    this.#meanwhile = [];
    try {
      const all: Entry[] = [];
      for await (const page of readdir(path, reading.signal)) all.push(...page);
      if (this.#reading !== reading) return;
      this.#listing = new Listing(path, this.sort);
      this.#listing.replace(all.filter((e) => this.#visible(e)));
      this.#listing.apply(this.#meanwhile.filter((e) => !('entry' in e) || this.#visible(e.entry)));
      this.#reading = null;
      this.status = 'ready';
      this.readAt = new Date();
      this.#show(this.#listing.entries);
    } catch (error) {
      if (reading.signal.aborted) return;
      this.#reading = null;
      const gone = error instanceof ApiError && (error.code === 'subject_does_not_exist' || error.code === 'dest_is_not_a_directory');
      // A list that is there is worth more than a sentence; the notice about the node says the rest.
      if (this.status === 'ready' && !gone) return;
      this.error = error;
      this.status = gone ? 'gone' : 'error';
      this.#show([]);
    }
  }

  #visible(entry: Entry): boolean {
    return !isHidden(entry, this.#home);
  }

  #show(entries: readonly Entry[]): void {
    const before = this.entries;
    this.entries = entries;
    if (this.selection === nothing) return;
    this.selection = prune(
      this.selection,
      before.map((e) => e.uid),
      new Set(entries.map((e) => e.uid)),
    );
  }
}

function readSort(): Sort {
  try {
    const kept = JSON.parse(localStorage.getItem(sortKey) ?? '') as Partial<Sort>;
    if (kept.key === 'name' || kept.key === 'modified' || kept.key === 'size') return { key: kept.key, descending: kept.descending === true };
  } catch {
    // Never kept, or by another version.
  }
  return { key: 'name', descending: false };
}
