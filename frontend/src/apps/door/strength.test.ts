import { expect, it } from 'vitest';
import { strength } from './strength';

it.each([
  ['', 'short'],
  ['short', 'short'],
  ['123456789', 'short'],
  ['1234567890', 'weak'],
  ['aaaaaaaaaaaaaaa', 'weak'],
  ['password123', 'weak'],
  ['Passwort2024', 'weak'],
  ['qwertyuiop', 'weak'],
  ['hello hello hello', 'weak'],
  ['correct horse battery', 'fair'],
  ['correct horse battery staple', 'strong'],
  ['x7$Kq2!mPw9Z', 'strong'],
  ['Ich mag keinen Spinat am Abend', 'strong'],
])('%j is %s', (passphrase, level) => expect(strength(passphrase)).toBe(level));
