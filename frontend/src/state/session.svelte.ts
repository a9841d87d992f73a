import { logout, whoami, type User } from '../api/auth';
import { wire, type ApiError } from '../api/http';
import { setupStatus, type SetupStatus } from '../api/setup';
import { keepClaim, takeClaim } from './claim';

export type Phase = 'booting' | 'unreachable' | 'first-run' | 'sign-in' | 'in';
export type Reason = 'session_expired' | 'session_revoked' | 'signed_out' | 'wrong_node';

/** Who is here. Everything else hangs on `phase`. */
class Session {
  phase = $state<Phase>('booting');
  user = $state.raw<User | null>(null);
  /** The node, as it tells everybody; null until it was asked. */
  node = $state.raw<SetupStatus | null>(null);
  claim = $state('');
  /** Why the sign-in page is shown, when it was not asked for. */
  reason = $state<Reason | null>(null);

  constructor() {
    this.claim = takeClaim();
    wire.signedOut = (error) => this.ended(reasonOf(error));
  }

  /** `quietly`: what is on the screen stays there until there is an answer. */
  async boot(quietly = false): Promise<void> {
    if (!quietly) this.phase = 'booting';
    try {
      const user = await whoami();
      if (user) return this.signedIn(user);
      await this.#toDoor();
    } catch {
      this.phase = 'unreachable';
    }
  }

  async #toDoor(): Promise<void> {
    const node = (this.node = await setupStatus());
    if (!node.needsSetup) this.setClaim('');
    this.phase = node.needsSetup ? 'first-run' : 'sign-in';
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
    void this.#leave(reason);
  }

  async signOut(): Promise<void> {
    await logout();
    this.user = null;
    await this.#leave('signed_out');
  }

  async #leave(reason: Reason): Promise<void> {
    this.reason = reason;
    this.phase = 'booting';
    try {
      await this.#toDoor();
    } catch {
      this.phase = 'unreachable';
    }
  }
}

function reasonOf(error: ApiError): Reason {
  return error.fields.reason === 'session_revoked' ? 'session_revoked' : 'session_expired';
}

export const session = new Session();
