import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

/** A private key at rest in this browser. Nothing in it is secret without the passphrase. */
export interface Sealed {
  v: 1;
  /** The node that the key belongs to; a key of another node is not offered. */
  node: string;
  address: string;
  created: number;
  kdf: { name: 'scrypt'; N: number; r: number; p: number; salt: string };
  cipher: { name: 'AES-256-GCM'; iv: string; data: string };
}

export const cost = { N: 2 ** 17, r: 8, p: 1 } as const;

/** The passphrase made into 32 bytes; in the page by a worker, in tests in line. */
export type Stretch = (passphrase: string, salt: Uint8Array, cost: { N: number; r: number; p: number }) => Promise<Uint8Array>;

export class WrongPassphrase extends Error {
  constructor() {
    super('the passphrase does not open this key');
    this.name = 'WrongPassphrase';
  }
}

export async function seal(key: Uint8Array, who: { node: string; address: string }, passphrase: string, stretch: Stretch): Promise<Sealed> {
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const aes = await importKey(await stretch(clean(passphrase), salt, cost));
  const data = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: bound(who) }, aes, owned(key));
  return {
    v: 1,
    node: who.node,
    address: who.address,
    created: Date.now(),
    kdf: { name: 'scrypt', ...cost, salt: bytesToHex(salt) },
    cipher: { name: 'AES-256-GCM', iv: bytesToHex(iv), data: bytesToHex(new Uint8Array(data)) },
  };
}

export async function unseal(sealed: Sealed, passphrase: string, stretch: Stretch): Promise<Uint8Array> {
  const { N, r, p, salt } = sealed.kdf;
  const aes = await importKey(await stretch(clean(passphrase), hexToBytes(salt), { N, r, p }));
  try {
    const plain = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: owned(hexToBytes(sealed.cipher.iv)), additionalData: bound(sealed) },
      aes,
      owned(hexToBytes(sealed.cipher.data)),
    );
    return new Uint8Array(plain);
  } catch {
    throw new WrongPassphrase();
  }
}

/** The same passphrase from two keyboards is the same bytes. */
function clean(passphrase: string): string {
  return passphrase.normalize('NFKC');
}

function bound(who: { node: string; address: string }): Uint8Array<ArrayBuffer> {
  return owned(utf8ToBytes(`pc2 device key v1\n${who.node}\n${who.address}`));
}

async function importKey(raw: Uint8Array): Promise<CryptoKey> {
  const key = await crypto.subtle.importKey('raw', owned(raw), 'AES-GCM', false, ['encrypt', 'decrypt']);
  raw.fill(0);
  return key;
}

// WebCrypto's types insist on a buffer that nobody shares.
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
