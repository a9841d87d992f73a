/**
 * The code of a further browser. A scanned one comes in the fragment (`#pair=…`), which no server
 * sees; it leaves the address at once and is kept nowhere.
 */
export const pairLength = 10;

/** Crockford base32 as people type or paste it, a whole address with the code included. */
export function cleanPair(input: string): string {
  const typed = input.slice(input.lastIndexOf('=') + 1).toUpperCase();
  return typed.replace(/O/g, '0').replace(/[IL]/g, '1').replace(/[^0-9A-HJKMNP-TV-Z]/g, '').slice(0, pairLength);
}

/** The code in the address, which is then no longer there; '' when there is none. */
export function takePair(): string {
  const given = /^#pair=([^&]*)/.exec(location.hash)?.[1];
  if (given === undefined) return '';
  history.replaceState(history.state, '', location.pathname + location.search);
  return cleanPair(given);
}

/** In two groups, as it is read aloud. */
export function groups(code: string): [string, string] {
  return [code.slice(0, pairLength / 2), code.slice(pairLength / 2)];
}
