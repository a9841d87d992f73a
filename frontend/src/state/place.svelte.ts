import { dirOf, pathOf, urlOf } from '../api/path';
import { t } from '../text/en';
import { desktop } from './desktop.svelte';

/** The places that are no folder, and their addresses. */
const addresses = { network: '/network', devices: '/settings/devices', name: '/settings/name' } as const;
type Other = keyof typeof addresses;

const others = new Map<string, Other>([...Object.entries(addresses).map(([view, url]) => [url, view as Other] as const), ['/settings', 'devices']]);

/** Where in the page, written in the address, so that a reload comes back to it. */
class Place {
  view = $state<'files' | Other>('files');
  /** The folder; behind the other places, the one that was open before. */
  path = $state('');
  /** An entry that the list should bring into view, once. */
  wanted = $state.raw<{ path: string; mark: boolean } | null>(null);
  #home = '';

  /** Reads the address for this home. Returns the way to stop. */
  start(home: string): () => void {
    this.#home = home;
    this.path = home;
    const kept = desktop.place();
    if (kept) history.replaceState(null, '', kept);
    const read = () => {
      this.view = others.get(location.pathname) ?? 'files';
      if (this.view !== 'files') return desktop.keepPlace();
      this.path = pathOf(location.pathname, home) ?? home;
      const url = urlOf(this.path, home);
      if (location.pathname !== url) history.replaceState(null, '', url);
      desktop.keepPlace();
    };
    read();
    addEventListener('popstate', read);
    return () => removeEventListener('popstate', read);
  }

  go(path: string): void {
    if (path === this.path && this.view === 'files') return;
    history.pushState(null, '', urlOf(path, this.#home));
    this.path = path;
    this.view = 'files';
    desktop.keepPlace();
  }

  to(view: Other): void {
    if (this.view === view) return;
    history.pushState(null, '', addresses[view]);
    this.view = view;
    desktop.keepPlace();
  }

  show(folder: string, entry: string): void {
    this.wanted = { path: entry, mark: true };
    this.go(folder);
  }

  /** One folder up, with the keyboard at the folder one came from. */
  up(): void {
    this.wanted = { path: this.path, mark: false };
    this.go(dirOf(this.path));
  }

  /** The folder has another name now: same place, no step in the history. */
  replace(path: string): void {
    history.replaceState(null, '', urlOf(path, this.#home));
    this.path = path;
    desktop.keepPlace();
  }

  url(path: string): string {
    return urlOf(path, this.#home);
  }

  /** For links: an ordinary click stays in the page, all others do what the browser does. */
  follow = (e: MouseEvent, path: string): void => {
    if (ordinary(e)) this.go(path);
  };

  visit = (e: MouseEvent, view: Other): void => {
    if (ordinary(e)) this.to(view);
  };

  title(what: string): void {
    document.title = t.title(what);
  }
}

function ordinary(e: MouseEvent): boolean {
  if (e.defaultPrevented || e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return false;
  e.preventDefault();
  return true;
}

export const place = new Place();
