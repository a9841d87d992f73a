import { mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';

export const wordCount = 24;

/** Words as people type or paste them: any case, numbered or not, with commas or on lines of their own. */
export function wordsOf(input: string): string[] {
  return input
    .normalize('NFKD')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((w) => w !== '');
}

export type PhraseFault = { kind: 'count'; count: number } | { kind: 'word'; index: number; word: string } | { kind: 'order' };

/** What is wrong with these words, or null. */
export function phraseFault(words: readonly string[]): PhraseFault | null {
  const index = words.findIndex((w) => !wordlist.includes(w));
  if (index >= 0) return { kind: 'word', index, word: words[index] ?? '' };
  if (words.length !== wordCount) return { kind: 'count', count: words.length };
  return validateMnemonic(words.join(' '), wordlist) ? null : { kind: 'order' };
}

export function seedOf(words: readonly string[]): Uint8Array {
  return mnemonicToSeedSync(words.join(' '));
}

/** Three different numbers from 1 to 24, in order, one from each third: no corner of the paper goes unread. */
export function threeOf(random: (below: number) => number = secureBelow): [number, number, number] {
  return [1 + random(8), 9 + random(8), 17 + random(8)];
}

function secureBelow(n: number): number {
  const limit = 2 ** 32 - (2 ** 32 % n);
  const draw = new Uint32Array(1);
  do crypto.getRandomValues(draw);
  while ((draw[0] ?? 0) >= limit);
  return (draw[0] ?? 0) % n;
}
