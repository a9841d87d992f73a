/**
 * The key of the program's window that wants to be let in by this browser. It comes in the fragment
 * (`#window=…`), which no server sees, and leaves the address at once; '' when there is none.
 */
export function takeWindow(): string {
  const given = /^#window=([0-9A-Z]{20,64})$/.exec(location.hash)?.[1];
  if (given === undefined) return '';
  history.replaceState(history.state, '', location.pathname + location.search);
  return given;
}
