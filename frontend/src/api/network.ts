import { request } from './http';

/** How the world reaches the node, as the node sees it. */
export interface Reach {
  connected: boolean;
  path: 'direct' | 'mapped' | 'relay' | 'offline';
  /** The address that works from anywhere; null while there is none. */
  publicEndpoint: string | null;
}

export function connectivity(): Promise<Reach> {
  return request('GET', '/api/boson/connectivity');
}
