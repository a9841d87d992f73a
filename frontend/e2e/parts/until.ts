/** How long a person would wait for one thing, on a machine that is busy. */
export const patience = 30_000;

/** And for something large. */
export const longPatience = 120_000;

/** Waits until `look` finds something. */
export async function until<T>(what: string, look: () => T | Promise<T>, ms: number = patience): Promise<NonNullable<T>> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s: ${what}`);
    await new Promise((again) => setTimeout(again, 20));
  }
}

/** The promise, or an error after `ms`. */
export function within<T>(what: string, promise: Promise<T>, ms: number = patience): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms / 1000} s: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
