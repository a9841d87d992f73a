import type { User } from './auth';
import { request } from './http';

/** What the program with a window around the node answers (only on the PC itself). */

export interface InWindow {
  /** This page is in that window, or in the browser that stands in for it. */
  window: boolean;
  /** It is the program's own window, without a browser around it. */
  own?: boolean;
  /** The owner wants to be signed in here without a question. */
  trusted?: boolean;
}

export function inWindow(): Promise<InWindow> {
  return request('GET', '/desktop/window', { quiet: true });
}

/** Opens an address in the browser of the system. */
export async function openOutside(url: string): Promise<void> {
  await request('POST', '/desktop/open', { body: { url } });
}

/** Holds for a minute and a half: a closed window keeps its page so long. */
export async function tellBusy(busy: boolean): Promise<void> {
  await request('POST', '/desktop/busy', { body: { busy }, quiet: true });
}

export async function setTrusted(trusted: boolean): Promise<void> {
  await request('POST', '/desktop/trust', { body: { trusted } });
}

/** Asks for a session by way of the browser of the system, which opens. */
export function askBrowser(): Promise<{ expires_in: number }> {
  return request('POST', '/desktop/handover', { body: {}, quiet: true });
}

export async function browsersAnswer(signal: AbortSignal): Promise<User> {
  return (await request<{ user: User }>('GET', '/desktop/handover', { signal, quiet: true })).user;
}

/** The browser's answer; the key came in its address. */
export async function answerWindow(key: string, allow: boolean): Promise<void> {
  await request('POST', '/desktop/handover/answer', { body: { key, allow } });
}
