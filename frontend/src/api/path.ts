/** Paths as the node writes them: absolute, `/`-separated, the home in front. */

export function join(dir: string, name: string): string {
  return dir === '/' ? `/${name}` : `${dir}/${name}`;
}

export function dirOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Is `path` this folder, or somewhere in it? */
export function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** `Documents/Garden plans` of `/0x…/Documents/Garden plans`; the home itself is ''. */
export function relative(path: string, home: string): string {
  return path === home ? '' : path.slice(home.length + 1);
}

export interface Crumb {
  name: string;
  path: string;
}

/** The folders on the way, the home (named by the caller) first. */
export function crumbs(path: string, home: string, homeName: string): Crumb[] {
  const list: Crumb[] = [{ name: homeName, path: home }];
  let at = home;
  for (const name of relative(path, home).split('/')) {
    if (name === '') continue;
    at = join(at, name);
    list.push({ name, path: at });
  }
  return list;
}

/** Where the address bar points for a folder. */
export function urlOf(path: string, home: string): string {
  const rel = relative(path, home);
  return rel === '' ? '/files' : `/files/${rel.split('/').map(encodeURIComponent).join('/')}`;
}

/** The folder an address stands for, or null when it is no address of a folder. */
export function pathOf(url: string, home: string): string | null {
  if (url === '/' || url === '/files' || url === '/files/') return home;
  if (!url.startsWith('/files/')) return null;
  try {
    const parts = url.slice('/files/'.length).split('/').filter(Boolean).map(decodeURIComponent);
    return parts.some((p) => p.includes('/') || p === '.' || p === '..') ? null : [home, ...parts].join('/');
  } catch {
    return null; // a broken % sequence
  }
}

/**
 * What may lose letters and what may not: long names lose their middle, never their ending.
 * A leading dot is no ending, and neither is what follows a sentence.
 */
export function splitName(name: string, isDir: boolean): [head: string, ending: string] {
  const dot = name.lastIndexOf('.');
  if (isDir || dot <= 0 || name.length - dot > 12 || /\s/.test(name.slice(dot))) return [name, ''];
  return [name.slice(0, dot), name.slice(dot)];
}

export type NameFault = 'empty' | 'slash' | 'dots' | 'long' | 'control';

/** Why the node would refuse this name; the same limits as its own. */
export function nameFault(name: string): NameFault | null {
  if (name.trim() === '') return 'empty';
  if (name.includes('/')) return 'slash';
  if (name === '.' || name === '..') return 'dots';
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'control';
  if ([...name].length > 255 || new TextEncoder().encode(name).length > 1000) return 'long';
  return null;
}
