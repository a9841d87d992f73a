import * as api from '../../api/files';
import type { Entry } from '../../api/files';
import { ApiError } from '../../api/http';
import { dirOf, nameOf } from '../../api/path';
import type { FileEvent } from '../../api/socket';
import { desktop } from '../../state/desktop.svelte';
import { live } from '../../state/live.svelte';
import { saving } from '../../state/saving';
import { space } from '../../state/space.svelte';
import { toasts } from '../../state/toasts.svelte';
import { t } from '../../text/en';
import { sentence } from '../../text/fault';

export type Choice = 'keep' | 'replace' | 'skip';

export interface Question {
  entry: Entry;
  /** The folder where the name is taken, as people call it. */
  where: string;
  existingIsDir: boolean;
  /** Further entries that may raise the same question. */
  more: number;
  answer(choice: Choice, forAll: boolean): void;
}

/** What can be done to files. Answers of the node are told to the list as if they were events. */
export class Actions {
  /** The name is taken: somebody has to decide. */
  question = $state.raw<Question | null>(null);
  /** Something is on its way to the node. */
  busy = $state(false);

  readonly #tell: (events: readonly FileEvent[]) => void;
  readonly #nameOfFolder: (path: string) => string;

  constructor(tell: (events: readonly FileEvent[]) => void, nameOfFolder: (path: string) => string) {
    this.#tell = tell;
    this.#nameOfFolder = nameOfFolder;
  }

  async mkdir(path: string): Promise<Entry> {
    const entry = await api.mkdir({ path, ...origin() });
    this.#tell([{ kind: 'added', entry }]);
    return entry;
  }

  async rename(entry: Entry, name: string): Promise<void> {
    const { old_path, ...renamed } = await api.rename({ uid: entry.uid, new_name: name, ...origin() });
    this.#tell([{ kind: 'renamed', entry: renamed, oldPath: old_path }]);
    toasts.say(t.files.renamed(name), {
      label: t.undo,
      run: () =>
        void this.#guard(async () => {
          const back = await api.rename({ uid: entry.uid, new_name: nameOf(entry.path), ...origin() });
          this.#tell([{ kind: 'renamed', entry: back, oldPath: back.old_path }]);
        }),
    });
  }

  move(entries: readonly Entry[], folder: string): Promise<void> {
    return this.#transfer(entries, folder, 'move');
  }

  copy(entries: readonly Entry[], folder: string): Promise<void> {
    return this.#transfer(entries, folder, 'copy');
  }

  async remove(entries: readonly Entry[]): Promise<void> {
    await this.#guard(async () => {
      await api.remove({ paths: entries.map((e) => e.path), ...origin() });
      this.#tell(entries.map((e) => ({ kind: 'removed', path: e.path, uid: e.uid, descendantsOnly: false })));
      toasts.say(t.files.deleted(whatOf(entries)));
      space.soon();
    });
  }

  /** Files only: one after the other, as browsers start a new download for each. */
  async download(entries: readonly Entry[]): Promise<void> {
    if (desktop.here) return saving(entries.filter((e) => !e.is_dir));
    for (const [n, entry] of entries.filter((e) => !e.is_dir).entries()) {
      if (n > 0) await new Promise((r) => setTimeout(r, 600));
      const link = document.createElement('a');
      link.href = api.downloadUrl(entry.path);
      link.download = entry.name;
      link.click();
    }
  }

  async #transfer(entries: readonly Entry[], folder: string, how: 'move' | 'copy'): Promise<void> {
    const moved: api.Moved[] = [];
    let done = 0;
    await this.#guard(async () => {
      let rule: Choice | null = null;
      for (const [n, entry] of entries.entries()) {
        let choice: Choice | null = how === 'copy' && dirOf(entry.path) === folder ? 'keep' : null;
        for (;;) {
          try {
            await this.#one(entry, folder, how, choice, moved);
            done++;
          } catch (error) {
            if (choice === null && isTaken(error)) {
              const answer: Choice = rule ?? (await this.#ask(entry, folder, entries.length - n - 1, (all) => (rule = all)));
              if (answer === 'skip') break;
              choice = answer;
              continue;
            }
            throw error;
          }
          break;
        }
      }
    });
    if (done === 0) return;
    const what = done === entries.length ? whatOf(entries) : t.files.items(done);
    const where = this.#nameOfFolder(folder);
    if (how === 'copy') {
      space.soon();
      return toasts.say(t.files.copied(what, where));
    }
    toasts.say(t.files.moved(what, where), { label: t.undo, run: () => void this.#moveBack(moved) });
  }

  async #one(entry: Entry, folder: string, how: 'move' | 'copy', choice: Choice | null, moved: api.Moved[]): Promise<void> {
    const request: api.MoveRequest = {
      source: entry.uid,
      destination: folder,
      ...(choice === 'keep' && { dedupe_name: true }),
      ...(choice === 'replace' && { overwrite: true }),
      ...origin(),
    };
    if (how === 'copy') {
      const answer = await api.copy(request);
      this.#tell([...replaced(answer.overwritten), { kind: 'added', entry: answer.copied }]);
      return;
    }
    const answer = await api.move(request);
    moved.push(answer);
    this.#tell([...replaced(answer.overwritten), { kind: 'moved', entry: answer.moved, oldPath: answer.old_path }]);
  }

  async #moveBack(moved: readonly api.Moved[]): Promise<void> {
    await this.#guard(async () => {
      for (const m of moved) {
        const back = await api.move({ source: m.moved.uid, destination: dirOf(m.old_path), new_name: nameOf(m.old_path), ...origin() });
        this.#tell([{ kind: 'moved', entry: back.moved, oldPath: back.old_path }]);
      }
      toasts.say(t.files.undone);
    });
  }

  async #ask(entry: Entry, folder: string, more: number, remember: (choice: Choice) => void): Promise<Choice> {
    const existing = await api.stat(`${folder}/${entry.name}`).catch(() => null);
    return new Promise((resolve) => {
      this.question = {
        entry,
        where: this.#nameOfFolder(folder),
        existingIsDir: existing?.is_dir ?? false,
        more,
        answer: (choice, forAll) => {
          this.question = null;
          if (forAll) remember(choice);
          resolve(choice);
        },
      };
    });
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await work();
    } catch (error) {
      toasts.warn(sentence(error));
    } finally {
      this.busy = false;
    }
  }
}

/** “Report.pdf”, or 3 items */
export function whatOf(entries: readonly { name: string }[]): string {
  const only = entries.length === 1 ? entries[0] : undefined;
  return only ? `“${only.name}”` : t.files.items(entries.length);
}

function isTaken(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && error.code === 'item_with_same_name_exists';
}

function replaced(entry: Entry | undefined): FileEvent[] {
  return entry ? [{ kind: 'removed', path: entry.path, uid: entry.uid, descendantsOnly: false }] : [];
}

function origin(): api.Origin {
  return live.socketId ? { original_client_socket_id: live.socketId } : {};
}
