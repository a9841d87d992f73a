/**
 * What is marked in a list, as file managers do it: one row has the focus, a range grows from the anchor.
 * Values only; every step makes a new one.
 */
export interface Selection {
  readonly marked: ReadonlySet<string>;
  readonly focus: string | null;
  readonly anchor: string | null;
}

export interface Keys {
  range?: boolean; // Shift
  toggle?: boolean; // Ctrl or ⌘
}

export const nothing: Selection = { marked: new Set(), focus: null, anchor: null };

/** A row was clicked. */
export function click(s: Selection, order: readonly string[], uid: string, keys: Keys): Selection {
  if (keys.range) return { marked: range(order, s.anchor ?? uid, uid, keys.toggle ? s.marked : none), focus: uid, anchor: s.anchor ?? uid };
  if (keys.toggle) return toggle(s, uid);
  return only(uid);
}

export function only(uid: string): Selection {
  return { marked: new Set([uid]), focus: uid, anchor: uid };
}

export function toggle(s: Selection, uid: string): Selection {
  const marked = new Set(s.marked);
  if (!marked.delete(uid)) marked.add(uid);
  return { marked, focus: uid, anchor: uid };
}

/** An arrow key, Page or Home/End moved the focus by so many rows. Ctrl moves it without marking. */
export function step(s: Selection, order: readonly string[], by: number, keys: Keys): Selection {
  if (order.length === 0) return s;
  const from = s.focus === null ? -1 : order.indexOf(s.focus);
  const to = from < 0 ? (by < 0 ? order.length - 1 : 0) : Math.min(order.length - 1, Math.max(0, from + by));
  const uid = order[to];
  if (uid === undefined) return s;
  if (keys.range) return { marked: range(order, s.anchor ?? uid, uid, none), focus: uid, anchor: s.anchor ?? uid };
  if (keys.toggle) return { ...s, focus: uid };
  return only(uid);
}

export function all(s: Selection, order: readonly string[]): Selection {
  return { marked: new Set(order), focus: s.focus ?? order[0] ?? null, anchor: s.anchor ?? order[0] ?? null };
}

export function clear(s: Selection): Selection {
  return { ...s, marked: none };
}

/** Drops what is no longer in the list; the focus goes to the row that took its place. */
export function prune(s: Selection, before: readonly string[], now: ReadonlySet<string>): Selection {
  if (s.focus === null && s.marked.size === 0) return s;
  const marked = [...s.marked].filter((uid) => now.has(uid));
  let focus = s.focus;
  if (focus !== null && !now.has(focus)) {
    const at = before.indexOf(focus);
    focus = before.slice(at + 1).find((uid) => now.has(uid)) ?? before.slice(0, Math.max(0, at)).findLast((uid) => now.has(uid)) ?? null;
  }
  const anchor = s.anchor !== null && now.has(s.anchor) ? s.anchor : focus;
  if (marked.length === s.marked.size && focus === s.focus && anchor === s.anchor) return s;
  return { marked: new Set(marked), focus, anchor };
}

const none: ReadonlySet<string> = new Set();

function range(order: readonly string[], from: string, to: string, base: ReadonlySet<string>): Set<string> {
  const a = order.indexOf(from);
  const b = order.indexOf(to);
  const marked = new Set(base);
  if (b < 0) return marked;
  for (const uid of order.slice(Math.min(a < 0 ? b : a, b), Math.max(a, b) + 1)) marked.add(uid);
  return marked;
}
