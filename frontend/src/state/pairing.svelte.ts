import type { PairRequest } from '../api/pair';
import { live } from './live.svelte';

/** This session lets a further browser in: the code that is shown, and the questions that come of it. */
class Pairing {
  /** The dialog with the code is open. */
  showing = $state(false);
  /** Not answered yet, oldest first. */
  questions = $state.raw<readonly PairRequest[]>([]);
  #others: BroadcastChannel | null = null;

  /** Listens as long as somebody is signed in. Returns the way to stop. */
  start(): () => void {
    // Each window of the session is asked; one answer is enough.
    this.#others = new BroadcastChannel('pc2.pair');
    this.#others.onmessage = (e) => this.#drop(String(e.data));
    const stop = live.onAsked((q) => {
      this.showing = false; // its code is used up
      if (!this.questions.some((x) => x.request_id === q.request_id)) this.questions = [...this.questions, q];
    });
    return () => {
      stop();
      this.#others?.close();
      this.#others = null;
      this.showing = false;
      this.questions = [];
    };
  }

  open(): void {
    this.showing = true;
  }

  /** The node has the answer: no window need ask any more. `keep`: this one still has something to say. */
  answered(id: string, keep = false): void {
    this.#others?.postMessage(id);
    if (!keep) this.#drop(id);
  }

  #drop(id: string): void {
    this.questions = this.questions.filter((q) => q.request_id !== id);
  }
}

export const pairing = new Pairing();
