import { readFileSync } from 'node:fs';
import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { phraseFault, seedOf, wordsOf } from './phrase';
import { checksum, DeviceWallet, messageHash } from './wallet';

// The node's own vectors: what the page makes and what the node checks are one thing.
const read = (path: string): string => readFileSync(new URL(`../../../backend/${path}`, import.meta.url), 'utf8');
const hex = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');

interface Chain {
  phrase: string;
  bip39Seed: string;
  deviceWallet: string;
}

interface Signed {
  address: string;
  message: string;
  digest: string;
  signature: string;
}

describe('vectors of the node', () => {
  const { chain } = JSON.parse(read('identity/testdata/vectors.json')) as { chain: Chain[] };

  it.each(chain)('device wallet of “$phrase”', ({ phrase, bip39Seed, deviceWallet }) => {
    const words = wordsOf(phrase);
    expect(phraseFault(words)).toBeNull();
    expect(hex(seedOf(words))).toBe(bip39Seed);
    expect(checksum(DeviceWallet.fromPhrase(words).address)).toBe(deviceWallet);
  });

  const { vectors } = JSON.parse(read('wallet/testdata/personal_sign.json')) as { vectors: Signed[] };
  // Keys that everybody knows; the file has only their addresses.
  const known = [
    '0000000000000000000000000000000000000000000000000000000000000001',
    '4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318',
    'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
    'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140',
  ].map((key) => new DeviceWallet(hexToBytes(key)));

  it.each(vectors)('personal_sign of $message by $address', ({ address, message, digest, signature }) => {
    const wallet = known.find((w) => w.address === address.toLowerCase());
    expect(wallet, 'no key for this address').toBeDefined();
    expect(`0x${hex(messageHash(message))}`).toBe(digest);
    expect(wallet?.sign(message)).toBe(signature);
  });

  it.each(read('wallet/testdata/checksum.txt').split('\n').filter((l) => /^0x/.test(l)).slice(0, 50))('checksum %s', (address) => {
    expect(checksum(address.toLowerCase())).toBe(address);
  });
});
