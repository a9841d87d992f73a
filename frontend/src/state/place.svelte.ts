import { dirOf, pathOf, urlOf } from '../api/path';
import { t } from '../text/en';

/** Where in the page: one folder, written in the address, so that a reload comes back to it. */
class Place {
  path = $state('');
  /** An entry that the list should bring into view, once. */
  wanted = $state.raw<{ path: string; mark: boolean } | null>(null);
  #home = '';

  /** Reads the address for this home. Returns the way to stop. */
  start(home: string): () => void {
    this.#home = home;
    const read = () => {
      this.path = pathOf(location.pathname, home) ?? home;
      const url = urlOf(this.path, home);
      if (location.pathname !== url) history.replaceState(null, '', url);
    };
    read();
    addEventListener('popstate', read);
    return () => removeEventListener('popstate', read);
  }

  go(path: string): void {
    if (path === this.path) return;
    history.pushState(null, '', urlOf(path, this.#home));
    this.path = path;
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
  }

  url(path: string): string {
    return urlOf(path, this.#home);
  }

  /** For links: an ordinary click stays in the page, all others do what the browser does. */
  follow = (e: MouseEvent, path: string): void => {
    if (e.defaultPrevented || e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    this.go(path);
  };

  title(what: string): void {
    document.title = t.title(what);
  }
}

export const place = new Place();
