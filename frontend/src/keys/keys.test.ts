import { scryptAsync } from '@noble/hashes/scrypt.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { phraseFault, threeOf, wordsOf } from './phrase';
import { cost, seal, unseal, WrongPassphrase, type Stretch } from './seal';
import { checksum, DeviceWallet, messageHash } from './wallet';

const abandon = wordsOf(`${'abandon '.repeat(23)}art`);

describe('phrase', () => {
  it('reads what people type', () => {
    expect(wordsOf(' 1. Orbit\n2) VELVET,hammer ')).toEqual(['orbit', 'velvet', 'hammer']);
  });

  it.each([
    ['good', abandon, null],
    ['too few', abandon.slice(1), { kind: 'count', count: 23 }],
    ['unknown word', ['sadle', ...abandon.slice(1)], { kind: 'word', index: 0, word: 'sadle' }],
    ['checksum', [...abandon.slice(0, 23), 'abandon'], { kind: 'order' }],
  ])('%s', (_name, words, fault) => {
    expect(phraseFault(words)).toEqual(fault);
  });

  it('asks for one word of each third', () => {
    for (let n = 0; n < 200; n++) {
      const [a, b, c] = threeOf();
      expect(a >= 1 && a <= 8 && b >= 9 && b <= 16 && c >= 17 && c <= 24).toBe(true);
    }
  });
});

describe('device wallet', () => {
  it("is the phrase's first account, as every wallet shows it", () => {
    expect(checksum(DeviceWallet.fromPhrase(abandon).address)).toBe('0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb');
  });

  it('signs like personal_sign', () => {
    // The example of web3.js' documentation: account.sign of "Some data".
    const wallet = new DeviceWallet(hexToBytes('4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318'));
    expect(wallet.address).toBe('0x2c7536e3605d9c16a7a3d7b1898e529396a65c23');
    expect(wallet.sign('Some data')).toBe(
      '0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c',
    );
  });

  it('counts the bytes of the message, not its letters, and stays in the lower half', () => {
    const wallet = DeviceWallet.fromPhrase(abandon);
    for (let n = 0; n < 16; n++) {
      const text = `Łódź ${n} 旅行`;
      const sig = hexToBytes(wallet.sign(text).slice(2));
      const v = sig[64] ?? 0;
      const parsed = secp256k1.Signature.fromBytes(sig.slice(0, 64)).addRecoveryBit(v - 27);
      expect(parsed.hasHighS()).toBe(false);
      const point = parsed.recoverPublicKey(messageHash(text));
      expect(secp256k1.verify(sig.slice(0, 64), messageHash(text), point.toBytes(), { prehash: false })).toBe(true);
    }
  });

  it('forgets', () => {
    const wallet = DeviceWallet.fromPhrase(abandon);
    wallet.wipe();
    expect(() => wallet.sign('x')).toThrow();
  });
});

describe('seal', () => {
  // The real function at a cost that a test can pay; the real cost is asserted in the record.
  const cheap: Stretch = (pass, salt) => scryptAsync(pass, salt, { N: 2 ** 10, r: 8, p: 1, dkLen: 32 });
  const who = { node: 'node', address: '0x00' };
  const key = hexToBytes('4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318');

  it('opens with the passphrase only', async () => {
    const sealed = await seal(key, who, 'correct horse battery', cheap);
    expect(sealed.kdf).toMatchObject({ name: 'scrypt', N: 131072, r: 8, p: 1 });
    expect(JSON.stringify(sealed)).not.toContain('4c0883a6');
    expect(await unseal(sealed, 'correct horse battery', cheap)).toEqual(key);
    await expect(unseal(sealed, 'Correct horse battery', cheap)).rejects.toBeInstanceOf(WrongPassphrase);
  });

  it('is bound to its node and address', async () => {
    const sealed = await seal(key, who, 'correct horse battery', cheap);
    await expect(unseal({ ...sealed, node: 'other' }, 'correct horse battery', cheap)).rejects.toBeInstanceOf(WrongPassphrase);
  });

  it('takes a passphrase from any keyboard', async () => {
    const sealed = await seal(key, who, 'cre\u0300me bru\u0302le\u0301e', cheap);
    expect(await unseal(sealed, 'crème brûlée', cheap)).toEqual(key);
  });

  it('costs what the design says', () => {
    expect(cost).toEqual({ N: 2 ** 17, r: 8, p: 1 });
  });
});
