import { describe, expect, it } from 'vitest';
import type { Entry } from '../api/files';
import { ApiError, NoAnswer } from '../api/http';
import type { PutRequest } from '../api/upload';
import type { Found } from './gather';
import { finished, Queue, type Wire } from './queue';

/** A node as small as the queue can see it: names, and what is said when one is taken. */
class Node implements Wire {
  readonly files = new Map<string, number>();
  readonly dirs = new Set<string>(['/home']);
  readonly puts: PutRequest[] = [];
  readonly mkdirs: string[] = [];
  atOnce = 0;
  most = 0;
  answer: ((path: string) => Error | null) | null = null;
  digestOf: (file: Blob) => string = (f) => `d${f.size}`;
  reprDigest: ((file: Blob) => string | null) | null = (f) => `d${f.size}`;
  timers: (() => void)[] = [];

  put: Wire['put'] = async (file, req, onSent, signal) => {
    this.puts.push(req);
    this.most = Math.max(this.most, ++this.atOnce);
    try {
      await tick();
      onSent(file.size / 2);
      await tick();
      if (signal.aborted) throw signal.reason;
      const error = this.answer?.(req.path);
      if (error) throw error;
      let path = req.path;
      if (this.files.has(path) || this.dirs.has(path)) {
        if (req.dedupeName) path = `${path} (1)`;
        else if (!req.overwrite) throw taken();
      }
      this.files.set(path, file.size);
      return { entry: entry(path, false), digest: this.reprDigest?.(file) ?? null };
    } finally {
      this.atOnce--;
    }
  };
  mkdir: Wire['mkdir'] = async (body) => {
    this.mkdirs.push(body.path);
    await tick();
    let path = body.path;
    if (this.files.has(path)) {
      if (!body.dedupe_name) throw taken();
      path = `${path} (1)`;
    }
    this.dirs.add(path);
    return entry(path, true);
  };
  stat: Wire['stat'] = async (path) => entry(path, this.dirs.has(path));
  digest: Wire['digest'] = async (file) => this.digestOf(file);
  socketId = () => 'S';
  now = () => 0;
  later = (_ms: number, fn: () => void) => void this.timers.push(fn);
}

const tick = () => new Promise<void>((r) => setTimeout(r, 0));
const taken = () => new ApiError(409, { code: 'item_with_same_name_exists' });
const entry = (path: string, is_dir: boolean) => ({ uid: path, path, name: path.split('/').at(-1), is_dir, modified: 1 }) as Entry;
const file = (name: string, size = 4): Found => ({ kind: 'file', name, file: new File([new Uint8Array(size)], name) });
const folder = (name: string, files: Record<string, number>, emptyDirs: string[] = []): Found => ({
  kind: 'folder',
  name,
  read: async (tell) => {
    await tick();
    tell(
      Object.entries(files).map(([rel, size]) => ({ rel, file: new File([new Uint8Array(size)], rel) })),
      emptyDirs,
    );
  },
});

async function idle(q: Queue): Promise<void> {
  for (let n = 0; n < 3; n++) await tick();
  for (let n = 0; n < 5000 && q.items.some((i) => i.gathering || i.n.sending + i.n.checking > 0); n++) await tick();
}

describe('queue', () => {
  it('sends a file and marks it verified when the digests agree', async () => {
    const node = new Node();
    const q = new Queue(node, () => {});
    q.add([file('a.txt')], '/home');
    await idle(q);
    expect(node.files.get('/home/a.txt')).toBe(4);
    expect(q.items[0]).toMatchObject({ done: 1, verified: 1, sent: 4, path: '/home/a.txt' });
    expect(finished(q.items[0]!)).toBe(true);
    expect(q.busy).toBe(false);
    expect(node.puts[0]).toMatchObject({ overwrite: false, dedupeName: false, socketId: 'S' });
  });

  it('says done, not verified, when the node sends no digest', async () => {
    const node = new Node();
    node.reprDigest = null;
    const q = new Queue(node, () => {});
    q.add([file('a.txt')], '/home');
    await idle(q);
    expect(q.items[0]).toMatchObject({ done: 1, verified: 0 });
  });

  it('fails a file whose digest differs, and replaces it on retry', async () => {
    const node = new Node();
    node.reprDigest = () => 'other';
    const q = new Queue(node, () => {});
    q.add([file('a.txt')], '/home');
    await idle(q);
    const item = q.items[0]!;
    expect(item.failed[0]?.fault).toBe('changed_on_the_way');
    node.reprDigest = (f) => `d${f.size}`;
    q.retry(item);
    await idle(q);
    expect(node.puts.at(-1)?.overwrite).toBe(true);
    expect(item).toMatchObject({ done: 1, verified: 1 });
  });

  it('keeps a folder together: one mkdir for it and one for each empty folder, at most three at once', async () => {
    const node = new Node();
    const q = new Queue(node, () => {});
    q.add([folder('P', { 'a': 1, 'x/b': 2, 'x/y/c': 3, 'd': 4, 'e': 5 }, ['leer'])], '/home');
    await idle(q);
    expect(node.mkdirs).toEqual(['/home/P', '/home/P/leer']);
    expect([...node.files.keys()].sort()).toEqual(['/home/P/a', '/home/P/d', '/home/P/e', '/home/P/x/b', '/home/P/x/y/c']);
    expect(node.most).toBeLessThanOrEqual(3);
    expect(q.items[0]).toMatchObject({ files: 5, done: 5, sent: 15, bytes: 15 });
  });

  it.each([
    ['keep', ['/home/a', '/home/a (1)']],
    ['replace', ['/home/a']],
    ['skip', ['/home/a']],
  ] as const)('asks when a name is taken: %s', async (choice, expected) => {
    const node = new Node();
    node.files.set('/home/a', 1);
    const q = new Queue(node, () => {});
    q.add([file('a', 9)], '/home');
    await idle(q);
    const item = q.items[0]!;
    expect(item.asking).toHaveLength(1);
    expect(item.asking[0]?.existing?.path).toBe('/home/a');
    expect(finished(item)).toBe(false);
    q.answer(item, choice, false);
    await idle(q);
    expect([...node.files.keys()]).toEqual(expected);
    expect(node.files.get('/home/a')).toBe(choice === 'replace' ? 9 : 1);
    expect(finished(item)).toBe(true);
  });

  it('does the same for the rest, and only for the rest', async () => {
    const node = new Node();
    for (const n of ['a', 'b', 'c', 'd', 'e']) node.files.set(`/home/${n}`, 1);
    const q = new Queue(node, () => {});
    q.add(['a', 'b', 'c', 'd'].map((n) => file(n, 2)), '/home');
    await idle(q);
    q.answer(q.items[0]!, 'replace', true);
    await idle(q);
    expect(q.items.every(finished)).toBe(true);
    q.add([file('e', 2)], '/home');
    await idle(q);
    expect(q.items.at(-1)?.asking).toHaveLength(1);
  });

  it("never replaces a folder by a file: 'replace' keeps both", async () => {
    const node = new Node();
    node.dirs.add('/home/a');
    const q = new Queue(node, () => {});
    q.add([file('a')], '/home');
    await idle(q);
    q.answer(q.items[0]!, 'replace', false);
    await idle(q);
    expect(node.puts.at(-1)).toMatchObject({ overwrite: false, dedupeName: true });
  });

  it('holds the content back until the name of the folder is decided', async () => {
    const node = new Node();
    node.files.set('/home/P', 1);
    const q = new Queue(node, () => {});
    q.add([folder('P', { a: 1, b: 1 })], '/home');
    await idle(q);
    expect(node.puts).toHaveLength(0);
    q.answer(q.items[0]!, 'keep', false);
    await idle(q);
    expect([...node.files.keys()]).toEqual(['/home/P', '/home/P (1)/a', '/home/P (1)/b']);
    expect(finished(q.items[0]!)).toBe(true);
  });

  it('skips all of a folder with its name', async () => {
    const node = new Node();
    node.files.set('/home/P', 1);
    const q = new Queue(node, () => {});
    q.add([folder('P', { a: 1, b: 1 })], '/home');
    await idle(q);
    q.answer(q.items[0]!, 'skip', false);
    await idle(q);
    expect(node.puts).toHaveLength(0);
    expect(finished(q.items[0]!)).toBe(true);
    expect(q.busy).toBe(false);
  });

  it('stops when nobody answers and goes on when told', async () => {
    const node = new Node();
    node.answer = () => new NoAnswer();
    const q = new Queue(node, () => {});
    q.add(['a', 'b', 'c', 'd'].map((n) => file(n)), '/home');
    await idle(q);
    expect(q.halted).toBe('offline');
    expect(q.busy).toBe(true);
    expect(q.items.reduce((n, i) => n + i.sent, 0)).toBe(0);
    node.answer = null;
    q.resume();
    await idle(q);
    expect(node.files.size).toBe(4);
  });

  it('gives a file up after some attempts, and tries again when asked', async () => {
    const node = new Node();
    node.answer = () => new NoAnswer();
    const q = new Queue(node, () => {});
    q.add([file('a')], '/home');
    for (let n = 0; n < 6; n++) {
      await idle(q);
      q.resume();
    }
    await idle(q);
    const item = q.items[0]!;
    expect(item.failed[0]).toMatchObject({ fault: 'no_answer', faultAt: 2 });
    node.answer = null;
    q.retry(item);
    await idle(q);
    expect(item.done).toBe(1);
  });

  it('stops at a full disk and keeps the rest for later', async () => {
    const node = new Node();
    node.answer = (p) => (p.endsWith('/a') ? new ApiError(507, { code: 'storage_full' }) : null);
    const q = new Queue(node, () => {});
    q.add(['a', 'b', 'c', 'd', 'e'].map((n) => file(n)), '/home');
    await idle(q);
    expect(q.halted).toBe('full');
    expect(q.items[0]?.failed[0]?.fault).toBe('storage_full');
    expect(node.files.size).toBeLessThan(4);
    node.answer = null;
    q.retry(q.items[0]!);
    await idle(q);
    expect(node.files.size).toBe(5);
  });

  it('waits as long as the node says', async () => {
    const node = new Node();
    let refusals = 1;
    node.answer = () => (refusals-- > 0 ? new ApiError(429, { code: 'too_many_requests', retry_after: 3 }) : null);
    const q = new Queue(node, () => {});
    q.add([file('a')], '/home');
    await idle(q);
    expect(node.files.size).toBe(0);
    node.timers.forEach((fn) => fn());
    await idle(q);
    expect(node.files.size).toBe(1);
  });

  it('cancels without a trace when nothing arrived, and says so otherwise', async () => {
    const node = new Node();
    const q = new Queue(node, () => {});
    q.add([file('a')], '/home');
    q.cancel(q.items[0]!);
    await idle(q);
    expect(q.items).toHaveLength(0);
    expect(node.files.size).toBe(0);

    node.answer = (p) => (p.endsWith('z') ? new NoAnswer() : null);
    q.add([folder('P', { a: 1, z: 1 })], '/home');
    await idle(q);
    q.cancel(q.items[0]!);
    expect(q.items[0]).toMatchObject({ cancelled: true, done: 1 });
    expect(q.busy).toBe(false);
  });

  it('takes ten thousand files and starts three', async () => {
    const node = new Node();
    let drawn = 0;
    const q = new Queue(node, () => drawn++);
    const many: Found = {
      kind: 'folder',
      name: 'many',
      read: async (tell) => tell(Array.from({ length: 10000 }, (_, n) => ({ rel: `f${n}`, file: new File([], `f${n}`) })), []),
    };
    q.add([many], '/home');
    await tick();
    expect(q.items[0]).toMatchObject({ files: 10000 });
    expect(node.atOnce).toBeLessThanOrEqual(3);
    expect(drawn).toBeLessThan(50); // not once for each file
    q.cancelAll();
    expect(q.items).toHaveLength(0);
    expect(q.busy).toBe(false);
  });
});
