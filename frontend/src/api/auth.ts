import { ApiError, request } from './http';

export interface User {
  uuid: string;
  username: string;
  wallet_address: string;
  display_name: string;
  role: 'owner' | 'admin' | 'member';
  is_owner: boolean;
}

/** Who the cookie belongs to, or null. A cookie that is no longer good counts as none. */
export async function whoami(): Promise<User | null> {
  try {
    const answer = await request<User>('GET', '/whoami', { quiet: true });
    return answer.username ? answer : null;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.code === 'account_suspended')) return null;
    throw error;
  }
}

export interface Challenge {
  nonce: string;
  message: string;
  expires_in: number;
}

export function challenge(address: string, purpose?: string): Promise<Challenge> {
  return request('POST', '/auth/challenge', { body: purpose ? { address, purpose } : { address } });
}

export interface LoginRequest {
  address: string;
  message: string;
  signature: string;
  device_name: string;
  claim_code?: string;
}

/**
 * Signs in. The answer carries the token too, for clients without cookies; the page
 * leaves it alone: the cookie is HttpOnly, and what a script cannot read it cannot lose.
 */
export async function login(body: LoginRequest): Promise<User> {
  return (await request<{ user: User }>('POST', '/auth/particle', { body, quiet: true })).user;
}

export async function logout(): Promise<void> {
  await request('POST', '/auth/logout', { body: {}, quiet: true });
}

/** The node's id, which stands in every challenge: a key is kept for one node only. */
export function nodeOf(message: string): string {
  return /^- urn:pc2:node:(\S+)$/m.exec(message)?.[1] ?? '';
}
