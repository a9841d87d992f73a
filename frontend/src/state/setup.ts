import type { User } from '../api/auth';

/**
 * What is left of the first run after the key. It belongs to the browser that began it: nobody who
 * signs in somewhere else later is asked. Kept until it is done, so that a reload goes on where it was.
 */
const key = 'pc2.setup';

export type Step = 'name' | 'reach';

export function setupStep(user: User): Step | null {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? 'null') as { user?: unknown; step?: unknown } | null;
    if (kept?.user !== user.uuid) return null;
    return kept.step === 'name' || kept.step === 'reach' ? kept.step : null;
  } catch {
    return null; // no storage, or somebody else's words in it
  }
}

/** `null`: done, or left for later. */
export function keepSetup(user: User, step: Step | null): void {
  try {
    if (step === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify({ user: user.uuid, step }));
  } catch {
    // Then a reload leads to the files, and the name is in the settings.
  }
}
