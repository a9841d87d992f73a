export type Strength = 'short' | 'weak' | 'fair' | 'strong';

export const shortest = 10;

const common = /pass(word|wort|phrase)?|qwert|azerty|letmein|welcome|admin|login|dragon|monkey|iloveyou|abc|123|111|000|2020|2021|2022|2023|2024|2025|2026/gi;

/**
 * A rough guess at how long guessing takes: runs, repetitions and the words of every list count
 * little, words count as words. It advises; only the length is required.
 */
export function strength(passphrase: string): Strength {
  if ([...passphrase].length < shortest) return 'short';
  const bits = guessBits(passphrase.normalize('NFKC'));
  return bits < 38 ? 'weak' : bits < 52 ? 'fair' : 'strong';
}

function guessBits(pass: string): number {
  const thinned = pass.replace(common, '\u0001');
  const words = thinned.split(/[\s\-_.,]+/).filter(Boolean);
  const seen = new Set<string>();
  let bits = 0;
  for (const word of words) {
    const w = word.toLowerCase();
    if (seen.has(w)) continue;
    seen.add(w);
    // A word of a language is one of some thousands, whatever its length.
    bits += /^\p{L}+$/u.test(word) ? Math.min(perLetter(word), 13.5) : perLetter(word);
  }
  return bits + Math.max(0, words.length - 1);
}

function perLetter(word: string): number {
  let bits = 0;
  let before = 0;
  let stepBefore = Number.NaN;
  for (const char of word) {
    const code = char.codePointAt(0) ?? 0;
    const step = code - before;
    // aaaa, 1234, dcba: what continues a run was no choice.
    bits += step === stepBefore || step === 0 ? 0.5 : /[a-z]/.test(char) ? 4 : /\d/.test(char) ? 3.3 : 6;
    stepBefore = Math.abs(step) <= 1 ? step : Number.NaN;
    before = code;
  }
  return bits;
}
