/** Wallets that the browser brings along: EIP-6963, and window.ethereum where a wallet is older than that. */

interface Provider {
  request(args: { method: string; params?: unknown[] }): Promise<unknown>;
}

interface Announcement {
  info: { uuid: string; name: string; icon: string; rdns: string };
  provider: Provider;
}

declare global {
  interface Window {
    ethereum?: Provider;
  }
  interface WindowEventMap {
    'eip6963:announceProvider': CustomEvent<Announcement>;
  }
}

export interface InjectedWallet {
  id: string;
  /** null: an older wallet that does not tell its name. */
  name: string | null;
  icon: string | null;
  /** Asks the wallet for an address; the wallet asks the person. */
  connect(): Promise<string>;
  /** personal_sign of the text as it stands. */
  sign(address: string, message: string): Promise<string>;
}

export class WalletRefused extends Error {
  constructor() {
    super('the person said no in the wallet');
    this.name = 'WalletRefused';
  }
}

export class WalletBusy extends Error {
  constructor() {
    super('the wallet has an open question');
    this.name = 'WalletBusy';
  }
}

/** Tells of each wallet as it appears. Returns the way to stop listening. */
export function discover(found: (wallets: InjectedWallet[]) => void): () => void {
  const wallets = new Map<string, InjectedWallet>();
  const tell = () => found([...wallets.values()]);

  const announced = (e: WindowEventMap['eip6963:announceProvider']) => {
    const { info, provider } = e.detail;
    if (wallets.has(info.uuid)) return;
    wallets.delete('window.ethereum');
    wallets.set(info.uuid, injected(info.uuid, info.name, safeIcon(info.icon), provider));
    tell();
  };
  addEventListener('eip6963:announceProvider', announced);
  dispatchEvent(new Event('eip6963:requestProvider'));

  const legacy = setTimeout(() => {
    if (wallets.size > 0 || !window.ethereum) return;
    wallets.set('window.ethereum', injected('window.ethereum', null, null, window.ethereum));
    tell();
  }, 300);

  return () => {
    clearTimeout(legacy);
    removeEventListener('eip6963:announceProvider', announced);
  };
}

function injected(id: string, name: string | null, icon: string | null, provider: Provider): InjectedWallet {
  return {
    id,
    name,
    icon,
    async connect() {
      const accounts = await ask(provider, 'eth_requestAccounts');
      const first: unknown = Array.isArray(accounts) ? accounts[0] : undefined;
      if (typeof first !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(first)) throw new Error('the wallet gave no address');
      return first.toLowerCase();
    },
    async sign(address, message) {
      const hex = `0x${[...new TextEncoder().encode(message)].map((b) => b.toString(16).padStart(2, '0')).join('')}`;
      const signature = await ask(provider, 'personal_sign', [hex, address]);
      if (typeof signature !== 'string') throw new Error('the wallet gave no signature');
      return signature;
    },
  };
}

async function ask(provider: Provider, method: string, params?: unknown[]): Promise<unknown> {
  try {
    return await provider.request(params ? { method, params } : { method });
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    if (code === 4001) throw new WalletRefused();
    if (code === -32002) throw new WalletBusy();
    throw error;
  }
}

/** Only a picture inside the announcement itself: a wallet does not make the page call out. */
function safeIcon(icon: string): string | null {
  return /^data:image\/(png|webp|jpeg|gif|svg\+xml)[;,]/.test(icon) ? icon : null;
}
