import { inWindow, openOutside, setTrusted, tellBusy } from '../api/desktop';
import { t } from '../text/en';
import { onLoopback } from './loopback';
import { toasts } from './toasts.svelte';

const placeKey = 'pc2.window.place';

/** A closed window is asked again after a minute; what the page says holds longer. */
const sayEvery = 30_000;

/**
 * The program's own window: a browser without tabs, whose page may be ended while it is closed.
 * In an ordinary browser `here` stays false, and nothing of this does anything.
 */
class Desktop {
  here = $state(false);
  trusted = $state(false);
  #asked = false;
  #said = false;
  #reasons = new Set<() => boolean>();

  /** Never fails: who cannot tell is in a browser. */
  async look(): Promise<void> {
    if (!onLoopback() || this.#asked) return;
    try {
      const w = await inWindow();
      this.#asked = true;
      this.here = w.own === true;
      this.trusted = w.trusted === true;
    } catch {
      return;
    }
    if (this.here) this.#settle();
  }

  async trust(on: boolean): Promise<void> {
    await setTrusted(on);
    this.trusted = on;
  }

  /** Something that would be lost with the page. Returns the way to take it back. */
  keepWhile(busy: () => boolean): () => void {
    this.#reasons.add(busy);
    return () => this.#reasons.delete(busy);
  }

  /** Where a page that was ended comes back to; only when it is asked for nothing else. */
  place(): string | null {
    if (!this.here || location.pathname !== '/') return null;
    const kept = localStorage.getItem(placeKey);
    return kept?.startsWith('/') && !kept.startsWith('//') ? kept : null;
  }

  keepPlace(): void {
    if (this.here) localStorage.setItem(placeKey, location.pathname);
  }

  #settle(): void {
    // Nothing here opens a second window; what leads elsewhere goes to the browser of the system.
    document.addEventListener('click', (e) => {
      const link = e.target instanceof Element ? e.target.closest('a') : null;
      if (!link?.href || e.defaultPrevented) return;
      const to = new URL(link.href, location.href);
      if (!/^https?:$/.test(to.protocol) || (to.origin === location.origin && link.target !== '_blank')) return;
      e.preventDefault();
      openOutside(to.href).catch(() => toasts.warn(t.desktop.noBrowser));
    });
    addEventListener('visibilitychange', () => document.hidden && void this.#say());
    setInterval(() => void this.#say(), sayEvery);
  }

  async #say(): Promise<void> {
    const busy = typed() || [...this.#reasons].some((reason) => reason());
    if (!busy && !this.#said) return;
    this.#said = busy;
    await tellBusy(busy).catch(() => (this.#said = true)); // then it is said the next time
  }
}

/** Text that somebody has typed and not sent. */
function typed(): boolean {
  return [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>('input, textarea')].some(
    (f) => !/^(checkbox|radio|file|search|hidden|button|submit)$/.test(f.type) && !f.readOnly && f.value !== '' && f.value !== f.defaultValue,
  );
}

export const desktop = new Desktop();
