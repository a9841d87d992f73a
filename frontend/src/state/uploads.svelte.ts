import { mkdir, stat } from '../api/files';
import { put } from '../api/upload';
import { Digester } from '../uploads/digest';
import type { Found } from '../uploads/gather';
import { finished, Queue, type Choice, type Halt, type Item } from '../uploads/queue';
import { live } from './live.svelte';
import { session } from './session.svelte';
import { space } from './space.svelte';

export interface Ask {
  /** The file in question, below its folder; '' when it is the item itself. */
  rel: string;
  isDir: boolean;
  modified: number | null;
  others: number;
}

/** One row of the dock: a copy of numbers, made at most four times a second. */
export interface Row {
  id: number;
  kind: 'file' | 'folder';
  name: string;
  path: string;
  dir: string;
  state: 'asking' | 'failed' | 'sending' | 'looking' | 'checking' | 'waiting' | 'done' | 'cancelled' | 'skipped';
  files: number;
  done: number;
  skipped: number;
  bytes: number;
  sent: number;
  speed: number;
  verified: boolean;
  ask: Ask | null;
  fault: { code: string; at: number; count: number } | null;
}

export interface Total {
  items: number;
  done: number;
  bytes: number;
  sent: number;
  speed: number;
  asking: number;
  failed: number;
  busy: boolean;
}

const tick = 250; // milliseconds between two drawings of the dock

class Uploads {
  rows = $state.raw<readonly Row[]>([]);
  total = $state.raw<Total>(summary([], false));
  halted = $state<Halt>(null);
  open = $state(false);

  readonly #digester = new Digester();
  readonly #queue = new Queue(
    {
      put,
      mkdir,
      stat,
      digest: (file, signal) => this.#digester.of(file, signal),
      socketId: () => live.socketId,
      now: () => performance.now(),
      later: (ms, fn) => void setTimeout(fn, ms),
    },
    () => this.#draw(),
  );
  #timer: ReturnType<typeof setTimeout> | undefined;
  #owner = '';

  constructor() {
    live.onBack(() => this.#queue.halted === 'offline' && this.#queue.resume());
    addEventListener('beforeunload', (e) => {
      if (this.#queue.busy) e.preventDefault();
    });
  }

  get busy(): boolean {
    return this.#queue.busy;
  }

  add(found: readonly Found[], dir: string): void {
    if (found.length === 0) return;
    this.open = true;
    this.#queue.add(found, dir);
  }

  answer = (row: Row, choice: Choice, forAll: boolean): void => this.#with(row, (item) => this.#queue.answer(item, choice, forAll));
  retry = (row: Row): void => this.#with(row, (item) => this.#queue.retry(item));
  cancel = (row: Row): void => this.#with(row, (item) => this.#queue.cancel(item));
  dismiss = (row: Row): void => this.#with(row, (item) => this.#queue.dismiss(item));
  resume = (): void => this.#queue.resume();

  clear(): void {
    this.#queue.clearFinished();
    if (this.#queue.items.length === 0) this.open = false;
  }

  cancelAll(): void {
    this.#queue.cancelAll();
    this.open = false;
  }

  /** The same person goes on where the session ended; another one starts with nothing. */
  signedIn(): void {
    const owner = session.user?.wallet_address ?? '';
    if (this.#owner !== owner) this.cancelAll();
    this.#owner = owner;
    if (this.#queue.halted === 'signed-out') this.#queue.resume();
  }

  #with(row: Row, fn: (item: Item) => void): void {
    const item = this.#queue.items.find((i) => i.id === row.id);
    if (item) fn(item);
  }

  #draw(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.rows = this.#queue.items.map(row);
      this.total = summary(this.rows, this.#queue.busy);
      this.halted = this.#queue.halted;
      space.full = this.halted === 'full';
      if (!this.#queue.busy) this.#digester.rest();
    }, tick);
  }
}

function row(item: Item): Row {
  const asked = item.asking[0];
  const failed = item.failed[0];
  return {
    id: item.id,
    kind: item.kind,
    name: item.name,
    path: item.path,
    dir: item.dir,
    state: stateOf(item),
    files: item.files,
    done: item.done,
    skipped: item.n.skipped,
    bytes: item.bytes,
    sent: item.sent,
    speed: item.n.sending > 0 ? item.rate.perSecond : 0,
    verified: item.done > 0 && item.verified === item.done,
    ask: asked
      ? { rel: asked.rel, isDir: asked.existing?.is_dir ?? false, modified: asked.existing?.modified ?? null, others: item.asking.length - 1 }
      : null,
    fault: failed ? { code: failed.fault ?? '', at: failed.faultAt, count: item.failed.length } : null,
  };
}

function stateOf(item: Item): Row['state'] {
  if (item.asking.length > 0) return 'asking';
  if (item.n.sending > 0) return 'sending';
  if (item.gathering) return 'looking';
  if (item.n.waiting > 0 && item.failed.length === 0) return item.done > 0 ? 'sending' : 'waiting';
  if (item.n.checking > 0) return 'checking';
  if (item.failed.length > 0) return 'failed';
  if (!finished(item)) return 'waiting';
  if (item.n.cancelled > 0) return 'cancelled';
  return item.done === 0 && item.n.skipped > 0 ? 'skipped' : 'done';
}

function summary(rows: readonly Row[], busy: boolean): Total {
  const total: Total = { items: rows.length, done: 0, bytes: 0, sent: 0, speed: 0, asking: 0, failed: 0, busy };
  for (const r of rows) {
    const over = r.state === 'done' || r.state === 'skipped' || r.state === 'cancelled';
    if (over) total.done++;
    if (r.state === 'asking') total.asking++;
    if (r.state === 'failed') total.failed++;
    // What will not be sent any more counts as sent: the bar ends at its end.
    total.bytes += r.bytes;
    total.sent += over ? r.bytes : r.sent;
    total.speed += r.speed;
  }
  return total;
}

export const uploads = new Uploads();
