import { HDKey } from '@scure/bip32';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { seedOf } from './phrase';

/** Where the device wallet stands among all that the phrase can make. */
export const devicePath = "m/44'/60'/0'/0/0";

/** A wallet whose private key is in memory. Wipe it when the signature is made. */
export class DeviceWallet {
  readonly address: string;
  readonly #key: Uint8Array;

  constructor(privateKey: Uint8Array) {
    this.#key = privateKey.slice();
    this.address = addressOf(secp256k1.getPublicKey(this.#key, false));
  }

  static fromPhrase(words: readonly string[]): DeviceWallet {
    const seed = seedOf(words);
    const node = HDKey.fromMasterSeed(seed).derive(devicePath);
    seed.fill(0);
    if (!node.privateKey) throw new Error('no private key at the end of the path');
    const wallet = new DeviceWallet(node.privateKey);
    node.wipePrivateData();
    return wallet;
  }

  /** EIP-191 personal_sign: 65 bytes r, s, v (27 or 28), s in the lower half. */
  sign(message: string): string {
    const [recovery = 0, ...rs] = secp256k1.sign(messageHash(message), this.#key, { prehash: false, format: 'recovered' });
    return `0x${bytesToHex(Uint8Array.from(rs))}${(27 + recovery).toString(16)}`;
  }

  /** Hands the key to whoever seals it. */
  use<T>(fn: (key: Uint8Array) => T): T {
    return fn(this.#key);
  }

  wipe(): void {
    this.#key.fill(0);
  }
}

export function messageHash(message: string): Uint8Array {
  const bytes = utf8ToBytes(message);
  return keccak_256(concatBytes(utf8ToBytes(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes));
}

/** Lower case, as the node writes addresses. */
function addressOf(publicKey: Uint8Array): string {
  return `0x${bytesToHex(keccak_256(publicKey.subarray(1)).subarray(-20))}`;
}

/** EIP-55, for people to compare. */
export function checksum(address: string): string {
  const hex = address.slice(2).toLowerCase();
  const hash = bytesToHex(keccak_256(utf8ToBytes(hex)));
  return `0x${[...hex].map((c, i) => (parseInt(hash[i] ?? '0', 16) >= 8 ? c.toUpperCase() : c)).join('')}`;
}
