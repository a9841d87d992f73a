import { whoami } from '../api/auth';
import { wire } from '../api/http';
import type { Reach } from '../api/network';
import type { PairRequest } from '../api/pair';
import { Live, type FileEvent } from '../api/socket';
import { session } from './session.svelte';

// How long to wait before asking again whether the node is back, in seconds.
const waits = [1, 2, 4, 8, 15, 30];

type Listener = (events: readonly FileEvent[]) => void;

/**
 * Is the node there, and what does it tell? One socket brings events; requests that get
 * no answer and a socket that closes start a probe of /health, and the probe alone decides.
 */
class LiveState {
  online = $state(true);
  /** When the node was last known to answer. */
  lastSeen = $state.raw(new Date());
  /** Seconds until the next try; 0 while trying. */
  retryIn = $state(0);

  #live: Live | null = null;
  #listeners = new Set<Listener>();
  #back = new Set<() => void>();
  #changed = new Set<() => void>();
  #reach = new Set<(reach: Reach) => void>();
  #asked = new Set<(question: PairRequest) => void>();
  #buffer: FileEvent[] = [];
  #flushing = false;
  #probing = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #connectedOnce = false;

  constructor() {
    wire.reached = () => {
      if (this.online) this.lastSeen = new Date();
    };
    wire.lost = () => void this.#probe();
  }

  start(): void {
    this.stop();
    this.#connectedOnce = false;
    this.#live = new Live({
      connected: () => {
        // Between two connections anything may have happened; events that are kept come too, and do no harm twice.
        if (this.#connectedOnce) this.#back.forEach((fn) => fn());
        this.#connectedOnce = true;
      },
      disconnected: () => void this.#probe(),
      refused: () => void this.#refused(),
      event: (e) => this.#take(e),
      changed: () => this.#changed.forEach((fn) => fn()),
      asked: (q) => this.#asked.forEach((fn) => fn(q)),
      reach: (r) => this.#reach.forEach((fn) => fn(r)),
      reauth: (reason) => session.ended(reason === 'session_revoked' ? 'session_revoked' : 'session_expired'),
    });
    this.#live.connect();
  }

  stop(): void {
    this.#live?.close();
    this.#live = null;
    this.#buffer = [];
  }

  get socketId(): string {
    return this.#live?.id ?? '';
  }

  /** File events, several at once when many come. */
  onEvents(fn: Listener): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** The node is there again after a break. */
  onBack(fn: () => void): () => void {
    this.#back.add(fn);
    return () => this.#back.delete(fn);
  }

  onChanged(fn: () => void): () => void {
    this.#changed.add(fn);
    return () => this.#changed.delete(fn);
  }

  /** The world reaches the node in another way, or not any more. */
  onReach(fn: (reach: Reach) => void): () => void {
    this.#reach.add(fn);
    return () => this.#reach.delete(fn);
  }

  /** A further browser wants to be let in by this session. */
  onAsked(fn: (question: PairRequest) => void): () => void {
    this.#asked.add(fn);
    return () => this.#asked.delete(fn);
  }

  tryNow(): void {
    clearTimeout(this.#timer);
    this.#probing = false;
    void this.#probe();
  }

  /** The socket may not come in. Only when the session is really over is that the end of it. */
  async #refused(): Promise<void> {
    const user = await whoami().catch(() => undefined);
    if (user === null) session.ended('session_expired');
    else setTimeout(() => this.#live?.connect(), 5000);
  }

  #take(event: FileEvent): void {
    this.#buffer.push(event);
    if (this.#flushing) return;
    this.#flushing = true;
    // Hundreds of events in a row become a few changes of the list.
    setTimeout(() => {
      this.#flushing = false;
      const events = this.#buffer.splice(0);
      this.#listeners.forEach((fn) => fn(events));
    }, 40);
  }

  async #probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    this.retryIn = 0;
    if (await answers()) {
      this.#probing = false;
      this.#failures = 0;
      this.online = true;
      this.lastSeen = new Date();
      this.#live?.connect();
      // Also when only one connection broke: whoever lost a request waits for this.
      this.#back.forEach((fn) => fn());
      return;
    }
    this.online = false;
    this.#count(waits[Math.min(this.#failures++, waits.length - 1)] ?? 30);
  }

  #count(seconds: number): void {
    this.retryIn = seconds;
    this.#timer = setTimeout(() => {
      if (seconds > 1) return this.#count(seconds - 1);
      this.#probing = false;
      void this.#probe();
    }, 1000);
  }
}

async function answers(): Promise<boolean> {
  try {
    // Not through request(): a failed probe must not start a probe.
    const answer = await fetch('/health', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    return answer.ok;
  } catch {
    return false;
  }
}

export const live = new LiveState();
