import type { Wallet } from './wallet';
import type { Window } from './window';

/** What people do on the way in. */

export const passphrase = 'lantern orchard seven whales';

/** From "First, your key" to the file list. Returns the words. */
export async function becomeOwner(window: Window): Promise<string[]> {
  const words = await seeWords(window);
  await window.button('I have written them down').click();
  await answerThree(window, words);
  await choosePassphrase(window, 'Finish', nameQuestion);
  await nameLater(window);
  return words;
}

export async function seeWords(window: Window): Promise<string[]> {
  await window.button('Show my 24 words').click();
  const items = window.page.getByRole('list', { name: 'Recovery phrase' }).getByRole('listitem');
  await items.nth(23).waitFor();
  return (await items.allInnerTexts()).map((text) => text.trim().split(/\s+/).at(-1) ?? '');
}

/** The three numbers that the page asks for, 1 to 24. */
export async function asked(window: Window): Promise<number[]> {
  const fields = window.page.getByRole('textbox', { name: /^Word \d+$/ });
  await fields.nth(2).waitFor();
  const labels = await fields.evaluateAll((inputs) => inputs.map((i) => (i as HTMLInputElement).labels?.[0]?.textContent ?? ''));
  return labels.map((l) => Number(/\d+/.exec(l)?.[0]));
}

export async function answerThree(window: Window, words: readonly string[]): Promise<void> {
  for (const n of await asked(window)) await window.field(`Word ${n}`).fill(words[n - 1] ?? '');
  await window.button('Continue').click();
}

export async function choosePassphrase(window: Window, done: string, then: string | RegExp = 'Files'): Promise<void> {
  await window.secret('Passphrase').fill(passphrase);
  await window.secret('The same again').fill(passphrase);
  await window.button(done).click();
  await window.heading(then).waitFor();
}

export const nameQuestion = 'What should your PC2 be called?';

/** A node without a name asks for one in the first run; it can wait. */
export async function nameLater(window: Window): Promise<void> {
  await window.heading(nameQuestion).waitFor();
  await window.button('Later').click();
  await window.heading('Files').waitFor();
}

/** On another computer: the words open the PC2 there, too. */
export async function signInWithWords(window: Window, words: readonly string[]): Promise<void> {
  await window.button('Use your recovery phrase').first().click();
  await window.field('Recovery phrase').fill(words.join(' '));
  await window.button('Continue').click();
  await choosePassphrase(window, 'Sign in');
}

export async function signInWithPassphrase(window: Window): Promise<void> {
  await window.secret('Passphrase').fill(passphrase);
  await window.button('Sign in').click();
  await window.heading('Files').waitFor();
}

export async function signOut(window: Window): Promise<void> {
  await window.button(/^Account of /).click();
  await window.item('Sign out').click();
  await window.says('You are signed out.');
}

/** First run with an injected wallet: the short way, for stories that are about something else. */
export async function enterByWallet(window: Window, wallet: Wallet): Promise<void> {
  await window.button('Use it as your key').click();
  await window.button(wallet.name).click();
  const arrived = window.heading('Files');
  await arrived.or(window.heading(nameQuestion)).waitFor();
  if (!(await arrived.isVisible())) await nameLater(window);
}
