import { revealSaved, saveHere, type Saved } from '../api/desktop';
import type { Entry } from '../api/files';
import { t } from '../text/en';
import { sentence } from '../text/fault';
import { sizeOf } from '../text/format';
import { desktop } from './desktop.svelte';
import { toasts } from './toasts.svelte';

/**
 * Downloads in the program's own window, which has no shelf of a browser: the program writes
 * the files, and a message tells how far they are and where they have gone.
 */
export async function saving(entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  const stop = new AbortController();
  const what = entries.length === 1 && entries[0] ? `“${entries[0].name}”` : t.files.items(entries.length);
  const all = entries.reduce((sum, e) => sum + (e.size ?? 0), 0);
  const toast = toasts.stay(t.desktop.saving(what, ''), { label: t.desktop.stopSaving, run: () => stop.abort() });
  const letGo = desktop.keepWhile(() => true);
  const saved: Saved[] = [];
  try {
    let before = 0;
    for (const entry of entries) {
      saved.push(await saveHere(entry.path, (done) => toast.say(t.desktop.saving(what, sizeOf(before + done, all))), stop.signal));
      before += entry.size ?? 0;
    }
  } catch (error) {
    if (!stop.signal.aborted) toasts.warn(sentence(error));
  } finally {
    letGo();
    toast.end();
  }
  const last = saved.at(-1);
  if (!last) return;
  toasts.say(t.desktop.saved(saved.length === 1 ? `“${last.name}”` : t.files.items(saved.length), last.folder), {
    label: t.desktop.show,
    run: () => void revealSaved(last.name).catch((error: unknown) => toasts.warn(sentence(error))),
  });
}
