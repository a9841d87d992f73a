/**
 * The claim code of a PC2 without an owner. It comes in the fragment (`#claim=…`), which no
 * server sees, leaves the address at once, and stays with this tab until there is an owner.
 */
const key = 'pc2.claim';

export function takeClaim(): string {
  const given = /^#claim=([^&]+)/.exec(location.hash)?.[1];
  if (given !== undefined) {
    history.replaceState(history.state, '', location.pathname + location.search);
    const code = cleanClaim(decodeURIComponent(given));
    keepClaim(code);
    return code;
  }
  try {
    return sessionStorage.getItem(key) ?? '';
  } catch {
    return '';
  }
}

export function keepClaim(code: string): void {
  try {
    if (code === '') sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, code);
  } catch {
    // Then a reload asks for the code again.
  }
}

/** Crockford base32 as people type it: any case, with spaces and dashes, O for 0 and I or L for 1. */
export function cleanClaim(input: string): string {
  return input.toUpperCase().replace(/[^0-9A-Z]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
}

export const claimLength = 12;
