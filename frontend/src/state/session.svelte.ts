import { logout, whoami, type User } from '../api/auth';
import { wire, type ApiError } from '../api/http';
import { setupStatus } from '../api/setup';
import { keepClaim, takeClaim } from './claim';

export type Phase = 'booting' | 'unreachable' | 'first-run' | 'sign-in' | 'in';
export type Reason = 'session_expired' | 'session_revoked' | 'signed_out' | 'wrong_node';

/** Who is here. Everything else hangs on `phase`. */
class Session {
  phase = $state<Phase>('booting');
  user = $state.raw<User | null>(null);
  nodeName = $state<string | null>(null);
  claim = $state('');
  /** Why the sign-in page is shown, when it was not asked for. */
  reason = $state<Reason | null>(null);

  constructor() {
    this.claim = takeClaim();
    wire.signedOut = (error) => this.ended(reasonOf(error));
  }

  async boot(): Promise<void> {
    this.phase = 'booting';
    try {
      const who = await whoami();
      if (who.signedIn) return this.signedIn(who.user);
      this.nodeName = who.nodeName;
      const setup = await setupStatus();
      if (!setup.needsSetup) this.setClaim('');
      this.phase = setup.needsSetup ? 'first-run' : 'sign-in';
    } catch {
      this.phase = 'unreachable';
    }
  }

  setClaim(code: string): void {
    this.claim = code;
    keepClaim(code);
  }

  signedIn(user: User): void {
    this.setClaim('');
    this.user = user;
    this.reason = null;
    this.phase = 'in';
  }

  /** The node ended the session. */
  ended(reason: Reason): void {
    if (this.phase !== 'in') return;
    this.reason = reason;
    this.phase = 'sign-in';
  }

  async signOut(): Promise<void> {
    await logout();
    this.reason = 'signed_out';
    this.user = null;
    this.phase = 'sign-in';
    // The name for the sign-in page; without it the page is only plainer.
    const who = await whoami().catch(() => null);
    if (who && !who.signedIn) this.nodeName = who.nodeName;
  }
}

function reasonOf(error: ApiError): Reason {
  return error.fields.reason === 'session_revoked' ? 'session_revoked' : 'session_expired';
}

export const session = new Session();

/** Served by the PC that the browser runs on, without a gateway between (alice.localhost has one). */
export function onLoopback(host: string = location.hostname): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
