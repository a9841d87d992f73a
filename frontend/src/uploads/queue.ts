import type { Entry, MkdirRequest } from '../api/files';
import { ApiError, NoAnswer } from '../api/http';
import type { PutAnswer, PutRequest } from '../api/upload';
import type { Found } from './gather';
import { Rate } from './rate';

/**
 * The upload queue: what was dropped becomes items (a file, or a folder of many),
 * items become tasks, three tasks run at a time. Plain data, thousands of tasks are
 * cheap; whoever draws takes a snapshot when told that something changed.
 *
 *   found → Item ──▶ tasks: waiting ─▶ sending ─▶ checking ─▶ done
 *                              ▲          │ 409 ─▶ asking ──┐ (keep both, replace, skip)
 *                              └──────────┴ no answer, later ◀┘
 */
export interface Wire {
  put(file: Blob, req: PutRequest, onSent: (bytes: number) => void, signal: AbortSignal): Promise<PutAnswer>;
  mkdir(body: MkdirRequest): Promise<Entry>;
  stat(path: string): Promise<Entry>;
  /** SHA-256 of the file, base64; runs beside the upload. */
  digest(file: Blob, signal: AbortSignal): Promise<string>;
  socketId(): string;
  now(): number;
  later(ms: number, fn: () => void): void;
}

export type Choice = 'keep' | 'replace' | 'skip';
export type Phase = 'waiting' | 'sending' | 'checking' | 'asking' | 'done' | 'failed' | 'skipped' | 'cancelled';

/** Why a task failed: a code of the interface, or one of these. */
export type FaultCode = 'no_answer' | 'changed_on_the_way' | 'unreadable' | (string & {});

export interface Task {
  readonly item: Item;
  readonly kind: 'file' | 'dir';
  /** Below the item's folder; '' is the item itself. */
  readonly rel: string;
  readonly file: File | null;
  phase: Phase;
  sent: number;
  attempts: number;
  choice: Choice | null;
  fault: FaultCode | null;
  faultAt: number;
  existing: Entry | null;
  abort: AbortController | null;
}

export interface Item {
  readonly id: number;
  readonly kind: 'file' | 'folder';
  readonly name: string;
  /** The folder it goes to. */
  readonly dir: string;
  /** Where it ended up: the name may have been taken. */
  path: string;
  /** A folder that is still being looked through. */
  gathering: boolean;
  cancelled: boolean;
  tasks: Task[];
  /** How many tasks are in each phase. */
  n: Record<Phase, number>;
  files: number;
  bytes: number;
  sent: number;
  /** Files that are there, and those whose digest was compared. */
  done: number;
  verified: number;
  asking: Task[];
  failed: Task[];
  rate: Rate;
}

export type Halt = 'offline' | 'full' | 'signed-out' | null;

const parallel = 3;
const maxAttempts = 4;

export class Queue {
  readonly items: Item[] = [];
  /** Why nothing starts at the moment. */
  halted: Halt = null;

  readonly #wire: Wire;
  readonly #changed: () => void;
  /** First in, first out; `#head` instead of shift(), which is slow on long lists. */
  #ready: Task[] = [];
  #head = 0;
  #again: Task[] = [];
  #parked = new Map<Item, Task[]>();
  #running = 0;
  #nextId = 1;
  #rule: Choice | null = null;

  constructor(wire: Wire, changed: () => void) {
    this.#wire = wire;
    this.#changed = changed;
  }

  add(found: readonly Found[], dir: string): void {
    for (const f of found) {
      const item = this.#item(f, dir);
      this.items.push(item);
      if (f.kind === 'file') this.#addTask(item, 'file', '', f.file);
      else void this.#gather(item, f);
    }
    this.#changed();
    this.#pump();
  }

  /** Something is on its way, or will be without anybody doing anything. */
  get busy(): boolean {
    return this.items.some((i) => i.gathering || i.n.waiting + i.n.sending + i.n.checking > 0);
  }

  answer(item: Item, choice: Choice, forAll: boolean): void {
    if (forAll) this.#rule = choice;
    const asked = forAll ? this.items.flatMap((i) => i.asking.slice()) : item.asking.slice(0, 1);
    for (const task of asked) this.#decide(task, choice);
    this.#changed();
    this.#pump();
  }

  retry(item: Item): void {
    for (const task of item.failed.splice(0)) {
      task.fault = null;
      task.attempts = 0;
      this.#toWaiting(task);
    }
    this.resume();
  }

  cancel(item: Item): void {
    item.cancelled = true;
    item.gathering = false;
    for (const task of item.tasks) {
      if (task.phase === 'done' || task.phase === 'skipped') continue;
      set(task, 'cancelled');
      task.abort?.abort(new DOMException('cancelled', 'AbortError'));
    }
    item.asking = [];
    item.failed = [];
    this.#parked.delete(item);
    // Nothing of it is there: then there is nothing to tell either.
    if (item.done === 0) this.dismiss(item);
    this.#changed();
    this.#pump();
  }

  dismiss(item: Item): void {
    const at = this.items.indexOf(item);
    if (at >= 0) this.items.splice(at, 1);
    this.#settle();
    this.#changed();
  }

  clearFinished(): void {
    for (const item of this.items.slice()) if (finished(item)) this.dismiss(item);
  }

  cancelAll(): void {
    for (const item of this.items.slice()) {
      this.cancel(item);
      this.dismiss(item);
    }
    this.halted = null;
  }

  /** What stopped the queue is over: the node is back, there is space, somebody signed in. */
  resume(): void {
    this.halted = null;
    this.#changed();
    this.#pump();
  }

  #item(f: Found, dir: string): Item {
    return {
      id: this.#nextId++,
      kind: f.kind,
      name: f.name,
      dir,
      path: under(dir, f.name),
      gathering: f.kind === 'folder',
      cancelled: false,
      tasks: [],
      n: { waiting: 0, sending: 0, checking: 0, asking: 0, done: 0, failed: 0, skipped: 0, cancelled: 0 },
      files: 0,
      bytes: 0,
      sent: 0,
      done: 0,
      verified: 0,
      asking: [],
      failed: [],
      rate: new Rate(),
    };
  }

  async #gather(item: Item, f: Found & { kind: 'folder' }): Promise<void> {
    // The folder itself first: it shows at once, and its name may be taken by a file.
    this.#addTask(item, 'dir', '', null);
    this.#pump();
    try {
      await f.read((files, emptyDirs) => {
        if (item.cancelled) return;
        for (const { rel, file } of files) this.#addTask(item, 'file', rel, file);
        for (const rel of emptyDirs) this.#addTask(item, 'dir', rel, null);
        this.#changed();
        this.#pump();
      });
    } catch {
      // The disk refused a part of the folder: say so, keep what was found.
      if (!item.cancelled) this.#fail(this.#addTask(item, 'dir', '', null), 'unreadable');
    }
    item.gathering = false;
    this.#settle();
    this.#changed();
  }

  #addTask(item: Item, kind: 'file' | 'dir', rel: string, file: File | null): Task {
    const task: Task = { item, kind, rel, file, phase: 'waiting', sent: 0, attempts: 0, choice: null, fault: null, faultAt: 0, existing: null, abort: null };
    item.tasks.push(task);
    item.n.waiting++;
    if (kind === 'file') {
      item.files++;
      item.bytes += file?.size ?? 0;
    }
    this.#ready.push(task);
    return task;
  }

  #pump(): void {
    while (this.halted === null && this.#running < parallel) {
      const task = this.#take();
      if (!task) return;
      this.#running++;
      set(task, 'sending');
      void this.#run(task).finally(() => {
        this.#running--;
        this.#settle();
        this.#changed();
        this.#pump();
      });
    }
  }

  #take(): Task | undefined {
    for (;;) {
      const task = this.#again.shift() ?? this.#ready[this.#head++];
      if (!task) {
        this.#ready = [];
        this.#head = 0;
        return undefined;
      }
      if (task.phase !== 'waiting') continue; // cancelled meanwhile
      const root = rootOf(task.item);
      if (!root || root === task || root.phase === 'done') return task;
      // The folder's own name is still in question: its content waits beside the line.
      const parked = this.#parked.get(task.item);
      if (parked) parked.push(task);
      else this.#parked.set(task.item, [task]);
    }
  }

  #unpark(item: Item): void {
    this.#again.push(...(this.#parked.get(item) ?? []));
    this.#parked.delete(item);
  }

  async #run(task: Task): Promise<void> {
    const abort = (task.abort = new AbortController());
    const path = task.rel === '' ? task.item.path : `${task.item.path}/${task.rel}`;
    try {
      if (task.kind === 'dir') await this.#sendDir(task, path);
      else await this.#sendFile(task, path, abort.signal);
    } catch (error) {
      this.#back(task);
      if (abort.signal.aborted) return;
      await this.#failed(task, path, error);
    } finally {
      task.abort = null;
    }
  }

  async #sendDir(task: Task, path: string): Promise<void> {
    const entry = await this.#wire.mkdir({
      path,
      create_missing_parents: true,
      ...(task.choice === 'keep' && { dedupe_name: true }),
      ...(task.choice === 'replace' && { overwrite: true }),
      ...this.#origin(),
    });
    if (task.rel === '') task.item.path = entry.path;
    this.#done(task);
    if (task.rel === '') this.#unpark(task.item);
  }

  async #sendFile(task: Task, path: string, signal: AbortSignal): Promise<void> {
    const { item, file } = task;
    if (!file) return;
    const own = this.#wire.digest(file, signal);
    own.catch(() => {}); // looked at below, and only if the upload came through
    const answer = await this.#wire.put(
      file,
      { path, overwrite: task.choice === 'replace', dedupeName: task.choice === 'keep', socketId: this.#wire.socketId() },
      (bytes) => {
        if (task.phase === 'sending') this.#progress(task, bytes);
      },
      signal,
    );
    if (signal.aborted) return;
    this.#progress(task, file.size);
    if (item.kind === 'file') item.path = answer.entry.path;
    if (answer.digest === null) return this.#done(task);
    // The place in the line is free again; hashing may take longer than sending.
    set(task, 'checking');
    void this.#check(task, own, answer.digest).finally(() => {
      this.#settle();
      this.#changed();
    });
  }

  async #check(task: Task, own: Promise<string>, theirs: string): Promise<void> {
    const mine = await own.catch(() => null);
    if (task.phase !== 'checking') return;
    if (mine !== null && mine !== theirs) {
      task.choice = 'replace'; // what is there is our own, and wrong
      this.#back(task);
      return this.#fail(task, 'changed_on_the_way');
    }
    if (mine !== null) task.item.verified++;
    this.#done(task);
  }

  async #failed(task: Task, path: string, error: unknown): Promise<void> {
    if (error instanceof NoAnswer) return this.#retryLater(task);
    if (!(error instanceof ApiError)) return this.#fail(task, 'unreadable');
    if (error.signedOut) return this.#halt(task, 'signed-out');
    if (error.code === 'too_many_requests' || error.status === 503) {
      return this.#retryLater(task, Math.max(1, error.retryAfter) * 1000);
    }
    if (error.status === 409 && task.choice === null) return this.#conflict(task, path);
    if (error.code === 'storage_full' || error.code === 'storage_limit_reached') this.halted = 'full';
    this.#fail(task, error.code);
  }

  async #conflict(task: Task, path: string): Promise<void> {
    task.existing = await this.#wire.stat(path).catch(() => null);
    if (task.item.cancelled) return;
    set(task, 'asking');
    task.item.asking.push(task);
    if (this.#rule) this.#decide(task, this.#rule);
  }

  #decide(task: Task, choice: Choice): void {
    // A file cannot take the place of a folder: then both are kept.
    const possible = choice === 'replace' && task.existing?.is_dir ? 'keep' : choice;
    remove(task.item.asking, task);
    task.choice = possible;
    if (possible !== 'skip') return this.#toWaiting(task);
    set(task, 'skipped');
    if (task === rootOf(task.item)) this.#skipAll(task.item);
    this.#settle();
  }

  #skipAll(item: Item): void {
    item.gathering = false;
    this.#parked.delete(item);
    item.cancelled = true; // whatever is still found in it
    for (const task of item.tasks) if (task.phase === 'waiting') set(task, 'skipped');
  }

  #retryLater(task: Task, ms?: number): void {
    if (++task.attempts >= maxAttempts) return this.#fail(task, 'no_answer');
    if (ms === undefined) return this.#halt(task, 'offline');
    set(task, 'waiting');
    this.#wire.later(ms, () => {
      if (task.phase !== 'waiting') return;
      this.#again.push(task);
      this.#pump();
    });
  }

  #halt(task: Task, why: Halt): void {
    this.halted = why;
    this.#toWaiting(task);
  }

  #toWaiting(task: Task): void {
    set(task, 'waiting');
    this.#again.push(task);
  }

  #fail(task: Task, code: FaultCode): void {
    set(task, 'failed');
    task.fault = code;
    task.item.failed.push(task);
  }

  #done(task: Task): void {
    set(task, 'done');
    if (task.kind === 'file') task.item.done++;
  }

  #progress(task: Task, bytes: number): void {
    const capped = Math.min(bytes, task.file?.size ?? 0);
    task.item.sent += capped - task.sent;
    task.sent = capped;
    task.item.rate.add(this.#wire.now(), task.item.sent);
    this.#changed();
  }

  /** What was sent of it does not count any more. */
  #back(task: Task): void {
    task.faultAt = task.sent;
    task.item.sent -= task.sent;
    task.sent = 0;
    task.item.rate.reset();
  }

  #origin(): { original_client_socket_id?: string } {
    const id = this.#wire.socketId();
    return id ? { original_client_socket_id: id } : {};
  }

  /** "The same for the rest" ends with the rest. */
  #settle(): void {
    if (!this.busy && this.items.every((i) => i.asking.length === 0)) this.#rule = null;
  }
}

/** Nothing more happens to it, and nothing needs an answer. */
export function finished(item: Item): boolean {
  return !item.gathering && item.n.waiting + item.n.sending + item.n.checking + item.n.asking + item.n.failed === 0;
}

function set(task: Task, phase: Phase): void {
  task.item.n[task.phase]--;
  task.item.n[phase]++;
  task.phase = phase;
}

/** The task that makes the folder itself. */
function rootOf(item: Item): Task | undefined {
  return item.kind === 'folder' ? item.tasks[0] : undefined;
}

function under(dir: string, name: string): string {
  return dir === '/' ? `/${name}` : `${dir}/${name}`;
}

function remove<T>(list: T[], value: T): void {
  const at = list.indexOf(value);
  if (at >= 0) list.splice(at, 1);
}
