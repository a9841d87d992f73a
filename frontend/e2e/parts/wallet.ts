import { randomUUID } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { BrowserContext } from 'playwright-core';

/** A wallet extension: announced to every page by EIP-6963, its key on this side of the wall. */
export class Wallet {
  readonly #key = secp256k1.utils.randomSecretKey();
  readonly address: string;
  /** Says no to the next question. */
  refuses = false;
  /** What it was asked to sign. */
  readonly asked: string[] = [];

  constructor(readonly name: string) {
    const point = secp256k1.getPublicKey(this.#key, false);
    this.address = `0x${bytesToHex(keccak_256(point.subarray(1)).subarray(-20))}`;
  }

  sign(message: Uint8Array): string {
    const hash = keccak_256(concatBytes(utf8ToBytes(`\x19Ethereum Signed Message:\n${message.length}`), message));
    const [recovery = 0, ...rs] = secp256k1.sign(hash, this.#key, { prehash: false, format: 'recovered' });
    return `0x${bytesToHex(Uint8Array.from(rs))}${(27 + recovery).toString(16)}`;
  }

  /** What the extension's background does with a request of the page. */
  answer(method: string, params: readonly unknown[]): { result: unknown } | { code: number; message: string } {
    if (this.refuses) {
      this.refuses = false;
      return { code: 4001, message: 'User rejected the request.' };
    }
    if (method === 'eth_requestAccounts' || method === 'eth_accounts') return { result: [this.address] };
    if (method === 'eth_chainId') return { result: '0x1' };
    if (method !== 'personal_sign') return { code: 4200, message: `${method} is not supported` };
    const [data, account] = params;
    if (typeof data !== 'string' || account !== this.address) return { code: -32602, message: 'wrong parameters' };
    const message = hexToBytes(data.slice(2));
    this.asked.push(new TextDecoder().decode(message));
    return { result: this.sign(message) };
  }

  /** Installs it in a browser, before any page is opened. */
  async install(context: BrowserContext): Promise<void> {
    const door = `wallet_${randomUUID().replaceAll('-', '')}`;
    await context.exposeFunction(door, (method: string, params: unknown[]) => this.answer(method, params));
    await context.addInitScript(
      ({ door, uuid, name, rdns }) => {
        type Door = (method: string, params: unknown[]) => Promise<{ result: unknown } | { code: number; message: string }>;
        const provider = {
          async request({ method, params = [] }: { method: string; params?: unknown[] }) {
            const answer = await (window as unknown as Record<string, Door>)[door]?.(method, params);
            if (answer && 'result' in answer) return answer.result;
            throw Object.assign(new Error(answer?.message), { code: answer?.code });
          },
        };
        const icon = 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"%3E%3Crect width="32" height="32" rx="8" fill="%235b6ee1"/%3E%3C/svg%3E';
        const detail = Object.freeze({ info: Object.freeze({ uuid, name, icon, rdns }), provider });
        const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }));
        window.addEventListener('eip6963:requestProvider', announce);
        announce();
      },
      { door, uuid: randomUUID(), name: this.name, rdns: 'example.wallet' },
    );
  }
}
