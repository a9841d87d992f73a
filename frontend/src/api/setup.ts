import { request } from './http';

export interface SetupStatus {
  needsSetup: boolean;
  setupComplete: boolean;
  hasUsername: boolean;
  /** There is somebody who gives names. */
  canHaveUsername: boolean;
  node_name: string;
  node_id: string;
  /** The request came over loopback: words may be shown and typed here. */
  local: boolean;
  /** Where the request came in. */
  ingress: 'loopback' | 'lan' | 'gateway';
}

export function setupStatus(): Promise<SetupStatus> {
  return request('GET', '/api/setup/status');
}

export interface Mnemonic {
  mnemonic: string;
  wordCount: number;
}

/** The words, once, before there is an owner. A second call is answered `phrase_already_shown`. */
export function firstMnemonic(claimCode: string): Promise<Mnemonic> {
  return request('GET', '/api/setup/mnemonic', { headers: { 'X-PC2-Claim': claimCode } });
}

/** The words for the owner, who has just signed a challenge with purpose `recovery-phrase`. */
export function ownersMnemonic(message: string, signature: string): Promise<Mnemonic> {
  return request('POST', '/api/setup/mnemonic', { body: { message, signature } });
}
