import type { User } from './auth';
import { ApiError, NoAnswer, request, requestLines } from './http';

/** What the program with a window around the node answers (only on the PC itself). */

export interface InWindow {
  /** This page is in that window, or in the browser that stands in for it. */
  window: boolean;
  /** It is the program's own window, without a browser around it. */
  own?: boolean;
  /** The owner wants to be signed in here without a question. */
  trusted?: boolean;
  /** What to ask with for another way in, when this one is lost. */
  again?: string;
}

export function inWindow(): Promise<InWindow> {
  return request('GET', '/desktop/window', { quiet: true });
}

/** Has the program load this page anew, with a new way in. */
export async function loadAgain(again: string): Promise<void> {
  await request('POST', '/desktop/again', { body: { again }, quiet: true });
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

export interface Saved {
  /** The name that was free. */
  name: string;
  /** The folder for downloads, as people call it. */
  folder: string;
}

/** Puts a file into this PC's folder for downloads; an aborted one leaves nothing there. */
export async function saveHere(path: string, onDone: (bytes: number) => void, signal: AbortSignal): Promise<Saved> {
  let last: Record<string, unknown> = {};
  await requestLines('/desktop/save', { path }, signal, (line) => {
    last = line;
    if (typeof line.done === 'number') onDone(line.done);
  });
  if (typeof last.name === 'string' && typeof last.folder === 'string') return { name: last.name, folder: last.folder };
  if (typeof last.code === 'string') throw new ApiError(503, last);
  throw new NoAnswer();
}

/** Shows a saved file in the file manager. */
export async function revealSaved(name: string): Promise<void> {
  await request('POST', '/desktop/reveal', { body: { name } });
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
