/** Names of a PC2, by the rule that the node has too: it is told while typing, and not after. */

export type NameFault = 'short' | 'long' | 'letters' | 'hyphen' | 'kept';

export const longest = 30;

const kept = new Set(['admin', 'api', 'www', 'mail', 'ftp', 'localhost', 'root', 'system', 'map', 'ns1', 'ns2', 'autodiscover', 'status']);

/** What somebody typed, as far as the machine may change it: capitals and spaces around do not matter. */
export const cleanName = (typed: string) => typed.trim().toLowerCase();

/** Why this cannot be a name; null when it can. */
export function nameFault(name: string): NameFault | null {
  if (/[^a-z0-9-]/.test(name)) return 'letters';
  if (name.startsWith('-') || name.endsWith('-') || name.includes('--')) return 'hyphen';
  if (name.length < 3) return 'short';
  if (name.length > longest) return 'long';
  return kept.has(name) ? 'kept' : null;
}

/** Names near a taken one, to be asked for. */
export function near(name: string): string[] {
  const cut = (end: string) => name.slice(0, longest - end.length).replace(/-+$/, '') + end;
  return [`my-${name}`.slice(0, longest).replace(/-+$/, ''), cut('-pc'), cut('-home'), cut('2')].filter((n) => nameFault(n) === null && n !== name).slice(0, 3);
}
