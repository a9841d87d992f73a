import { inWindow, loadAgain, openOutside, setTrusted, tellBusy } from '../api/desktop';
import { wire } from '../api/http';
import { t } from '../text/en';
import { onLoopback } from './loopback';
import { toasts } from './toasts.svelte';

const placeKey = 'pc2.window.place';
const lostKey = 'pc2.window.lost';

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
  #again = '';
  #coming = false;
  #reasons = new Set<() => boolean>();

  /** Never fails: who cannot tell is in a browser. */
  async look(): Promise<void> {
    if (!onLoopback() || this.#asked) return;
    try {
      const w = await inWindow();
      this.#asked = true;
      this.here = w.own === true;
      this.trusted = w.trusted === true;
      this.#again = w.again ?? '';
    } catch {
      return;
    }
    if (this.here) this.#settle();
  }

  /**
   * The part of a webview that holds its cookies may die, and takes along what let this page in. The
   * program then loads the page anew. `signedIn`: the next page is to say why somebody has to sign in.
   */
  async comeBack(signedIn: boolean): Promise<boolean> {
    if (!this.here || this.#again === '') return false;
    if (this.#coming) return true;
    this.#coming = true;
    setTimeout(() => (this.#coming = false), 20_000); // this page is gone by then, or was not heard
    if (signedIn) localStorage.setItem(lostKey, '1');
    try {
      await loadAgain(this.#again);
      return true;
    } catch {
      this.#coming = false;
      localStorage.removeItem(lostKey);
      return false;
    }
  }

  /** Whether the page before this one was loaded anew while somebody was signed in; told once. */
  lost(): boolean {
    const lost = this.here && localStorage.getItem(lostKey) !== null;
    if (lost) localStorage.removeItem(lostKey);
    return lost;
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
    wire.notWindow = () => void this.comeBack(false);
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
