import { logout, whoami, type User } from '../api/auth';
import { wire, type ApiError } from '../api/http';
import { setupStatus, type SetupStatus } from '../api/setup';
import { t } from '../text/en';
import { keepClaim, takeClaim } from './claim';
import { desktop } from './desktop.svelte';
import { takeWindow } from './handover';
import { takePair } from './pair';
import { keepSetup, setupStep } from './setup';
import { toasts } from './toasts.svelte';

export type Phase = 'booting' | 'unreachable' | 'first-run' | 'sign-in' | 'setup' | 'in';
export type Reason = 'session_expired' | 'session_revoked' | 'signed_out' | 'wrong_node' | 'window_anew';

/** Who is here. Everything else hangs on `phase`. */
class Session {
  phase = $state<Phase>('booting');
  user = $state.raw<User | null>(null);
  /** The node, as it tells everybody; null until it was asked. */
  node = $state.raw<SetupStatus | null>(null);
  claim = $state('');
  /** The code that the address brought, until it is used. */
  pair = $state('');
  /** The key of a window on this PC that waits for this browser's word. */
  window = $state('');
  /** Why the sign-in page is shown, when it was not asked for. */
  reason = $state<Reason | null>(null);

  constructor() {
    this.claim = takeClaim();
    this.pair = takePair();
    this.window = takeWindow();
    // Opened in a window that has the page already, an address with a code loads nothing.
    addEventListener('hashchange', () => {
      const code = takePair();
      if (code !== '') this.pair = code;
      const key = takeWindow();
      if (key !== '') this.window = key;
      if (this.phase === 'in') this.#unused();
    });
    wire.signedOut = (error) => this.ended(reasonOf(error));
  }

  /** `quietly`: what is on the screen stays there until there is an answer. */
  async boot(quietly = false): Promise<void> {
    if (!quietly) this.phase = 'booting';
    try {
      const [user] = await Promise.all([whoami(), desktop.look()]);
      const lost = desktop.lost();
      if (user) return this.signedIn(user);
      if (lost) this.reason = 'window_anew';
      await this.#toDoor();
    } catch {
      this.phase = 'unreachable';
    }
  }

  async #toDoor(): Promise<void> {
    const node = (this.node = await setupStatus());
    if (node.needsSetup) this.pair = '';
    else this.setClaim('');
    this.phase = node.needsSetup ? 'first-run' : 'sign-in';
  }

  setClaim(code: string): void {
    this.claim = code;
    keepClaim(code);
  }

  signedIn(user: User): void {
    this.setClaim('');
    this.#unused();
    this.user = user;
    this.reason = null;
    this.phase = setupStep(user) === null ? 'in' : 'setup';
  }

  /** The first run in this browser: after the key come the other steps. */
  becameOwner(user: User): void {
    keepSetup(user, 'name');
    this.signedIn(user);
  }

  /** The first run is over, or what is left of it was put off. */
  setupDone(): void {
    if (this.user) keepSetup(this.user, null);
    if (this.phase === 'setup') this.phase = 'in';
  }

  #unused(): void {
    if (this.pair === '') return;
    this.pair = '';
    toasts.say(t.pairHere.signedIn);
  }

  /** The node ended the session. */
  ended(reason: Reason): void {
    if (this.phase !== 'in' && this.phase !== 'setup') return;
    void this.#lost(reason);
  }

  /** What nobody meant, a window gets over by itself: its cookies may have gone. */
  async #lost(reason: Reason): Promise<void> {
    if (reason !== 'session_revoked' && (await desktop.comeBack(true))) return;
    await this.#leave(reason);
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
