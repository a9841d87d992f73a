import { request } from './http';

export interface Session {
  uuid: string;
  kind: 'web' | 'app' | 'access_token' | 'api' | 'dav';
  current: boolean;
  label: string;
  created_at: string;
  last_activity: string;
  last_ip: string;
  last_user_agent: string;
  created_via: string;
}

export function sessions(): Promise<Session[]> {
  return request('GET', '/auth/list-sessions');
}

/** Returns the ones that remain. */
export async function end(uuid: string): Promise<Session[]> {
  return (await request<{ sessions: Session[] }>('POST', '/auth/revoke-session', { body: { uuid } })).sessions;
}

/** Every other browser. Returns how many there were. */
export async function endOthers(): Promise<number> {
  return (await request<{ revoked: number }>('POST', '/auth/revoke-all-sessions', { body: {} })).revoked;
}
