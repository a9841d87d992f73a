import type { User } from './auth';
import { request } from './http';

/** Letting a further browser in, from both ends. */

export interface Offer {
  code: string;
  url: string;
  expires_in: number;
}

/** A code for a further browser. The one that this session had before is void. */
export function offer(): Promise<Offer> {
  return request('POST', '/auth/pair', { body: {} });
}

export interface Redeemed {
  request_id: string;
  secret: string;
  /** The two digits that this browser shows. */
  confirm: string;
  expires_in: number;
}

export function redeem(code: string, deviceName: string): Promise<Redeemed> {
  return request('POST', '/auth/pair/redeem', { body: { code, device_name: deviceName }, quiet: true });
}

/** Asks once; the node holds the question for a while and answers `request_timeout` when nobody decided. */
export async function decision(r: Redeemed, signal: AbortSignal): Promise<User> {
  const headers = { Authorization: `Bearer ${r.secret}` };
  return (await request<{ user: User }>('GET', `/auth/pair/${r.request_id}`, { headers, signal, quiet: true })).user;
}

/** What the node asks the session that made the code. */
export interface PairRequest {
  request_id: string;
  device_name: string;
  ip: string;
  user_agent: string;
  choices: string[];
  expires_in: number;
}

/** Other digits than the new browser's deny it: `pair_denied`. */
export async function allow(id: string, confirm: string): Promise<void> {
  await request('POST', `/auth/pair/${id}/allow`, { body: { confirm } });
}

export async function deny(id: string): Promise<void> {
  await request('POST', `/auth/pair/${id}/deny`, { body: {} });
}
