import { request } from './http';

/** How the world reaches the node, as the node sees it. */
export interface Reach {
  connected: boolean;
  path: 'direct' | 'mapped' | 'relay' | 'offline';
  /** The address that is the node's, whether it can be reached now or not; null without a name. */
  publicEndpoint: string | null;
  /** What the relay has opened for this node: host and port. */
  relayEndpoint?: string | null;
  superNode: { id: string; address: string; gatewayUrl: string } | null;
  connectedAt: string;
  /** Why it is offline or has no name: a code. */
  trouble: string | null;
  /** What keeps it from a better way than the relay, and what would help. */
  hint?: string | null;
  /** How the router was asked for the port by which the super node comes in, and that port. */
  way?: string | null;
  publicPort?: number | null;
  lastHeartbeat?: string | null;
}

export interface SuperNode {
  id: string;
  /** Host and port of its relay. */
  address: string;
  gatewayUrl: string;
  inUse: boolean;
}

/** What a call to the node's own address has shown, by the way of a visitor. */
export interface Check {
  at: string;
  reached: boolean;
  ms: number | null;
  /** To the super node and back; null when it does not answer. */
  superNodeMs: number | null;
}

export interface Network {
  identity: { nodeId: string; did: string };
  username: { registered: boolean; username: string | null; publicUrl: string | null };
  connectivity: Reach;
  /** What follows a name and a dot in an address. */
  domain: string | null;
  superNodes: readonly SuperNode[];
  record: { username: string; superNode: string; seq: number } | null;
  check: Check | null;
}

export function connectivity(): Promise<Reach> {
  return request('GET', '/api/boson/connectivity');
}

export function network(): Promise<Network> {
  return request('GET', '/api/boson/status');
}

/** Tries now, and calls the own address. Takes up to twenty seconds when something is wrong. */
export function reconnect(signal?: AbortSignal): Promise<{ check: Check | null; connectivity: Reach }> {
  return request('POST', '/api/boson/reconnect', { body: {}, ...(signal && { signal }) });
}

export async function available(name: string, signal?: AbortSignal): Promise<boolean> {
  return (await request<{ available: boolean }>('GET', `/api/boson/check-available/${encodeURIComponent(name)}`, signal && { signal })).available;
}

export function register(username: string): Promise<{ username: string; publicUrl: string }> {
  return request('POST', '/api/boson/register', { body: { username } });
}

/** How long a question goes and comes, in milliseconds: the shortest of a few. Null when there is no answer. */
export async function roundTrip(path: string, times = 3): Promise<number | null> {
  let best = Infinity;
  try {
    for (let n = 0; n < times; n++) {
      const start = performance.now();
      // Not through request(): a question that only measures must not start a probe.
      const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(5000) });
      await answer.text();
      if (!answer.ok) return null;
      best = Math.min(best, performance.now() - start);
    }
  } catch {
    return null;
  }
  return best;
}
