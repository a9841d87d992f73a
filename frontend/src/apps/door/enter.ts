import { challenge, login, nodeOf, type User } from '../../api/auth';
import type { InjectedWallet } from '../../keys/injected';
import type { Sealed } from '../../keys/seal';
import type { DeviceWallet } from '../../keys/wallet';
import { agentName } from '../../text/agent';
import { t } from '../../text/en';

/** Signing in, whatever holds the key. The code that knows keys is loaded when it is needed. */

export interface Signer {
  readonly address: string;
  sign(message: string): Promise<string> | string;
}

/** The wallet answered for another account than the one that was asked for. */
export class WrongAccount extends Error {
  constructor(readonly wanted: string) {
    super('another account');
    this.name = 'WrongAccount';
  }
}

/** The sealed key was made for a node that was at this address before. */
export class WrongNode extends Error {
  constructor() {
    super('another node');
    this.name = 'WrongNode';
  }
}

export async function enter(signer: Signer, options: { claim?: string; node?: string } = {}): Promise<User> {
  const { message } = await challenge(signer.address);
  if (options.node !== undefined && nodeOf(message) !== options.node) throw new WrongNode();
  const signature = await signer.sign(message);
  return login({
    address: signer.address,
    message,
    signature,
    device_name: deviceName(),
    ...(options.claim && { claim_code: options.claim }),
  });
}

export async function connected(wallet: InjectedWallet): Promise<Signer> {
  const address = await wallet.connect();
  return { address, sign: (message) => wallet.sign(address, message) };
}

/**
 * Seals a new device wallet for this node under the passphrase, keeps it, and only then signs in:
 * nobody becomes owner with a key that the browser then fails to keep.
 */
export async function enterNew(words: readonly string[], passphrase: string, claim: string, tell: (p: Progress) => void): Promise<User> {
  const [{ DeviceWallet }, { seal }, { stretcher }, { keep }] = await Promise.all([
    import('../../keys/wallet'),
    import('../../keys/seal'),
    import('../../keys/stretch'),
    import('../../keys/vault'),
  ]);
  const wallet = DeviceWallet.fromPhrase(words);
  try {
    const { message } = await challenge(wallet.address);
    const who = { node: nodeOf(message), address: wallet.address };
    const sealed = await wallet.use((key) => seal(key, who, passphrase, stretcher((part) => tell({ step: 'sealing', part }))));
    await keep(sealed);
    tell({ step: 'signing', part: 1 });
    return await login({
      address: wallet.address,
      message,
      signature: wallet.sign(message),
      device_name: deviceName(),
      ...(claim && { claim_code: claim }),
    });
  } finally {
    wallet.wipe();
  }
}

/** Opens a sealed key for one use. */
export async function withKey<T>(sealed: Sealed, passphrase: string, tell: (part: number) => void, use: (wallet: DeviceWallet) => Promise<T>): Promise<T> {
  const [{ DeviceWallet }, { unseal }, { stretcher }] = await Promise.all([
    import('../../keys/wallet'),
    import('../../keys/seal'),
    import('../../keys/stretch'),
  ]);
  const key = await unseal(sealed, passphrase, stretcher(tell));
  const wallet = new DeviceWallet(key);
  key.fill(0);
  try {
    return await use(wallet);
  } finally {
    wallet.wipe();
  }
}

export interface Progress {
  step: 'sealing' | 'signing';
  part: number;
}

/** The keys that this browser keeps for this node; another node may have been at the same address. */
export async function sealedKeys(node?: string): Promise<Sealed[]> {
  if (!('indexedDB' in globalThis)) return [];
  const { sealedKeys } = await import('../../keys/vault');
  // Without storage (a private window) there are simply no keys here.
  const all = await sealedKeys().catch(() => []);
  return node ? all.filter((k) => k.node === node) : all;
}

/** Sealing needs WebCrypto, which browsers give only to pages from the PC itself or over https. */
export function canKeepKeys(): boolean {
  return globalThis.isSecureContext && 'indexedDB' in globalThis && globalThis.crypto?.subtle !== undefined;
}

export function short(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

/** What the list of sessions will call this browser. */
export function deviceName(): string {
  return agentName(navigator.userAgent) || t.agent.browser;
}
