import { connectivity, type Reach } from '../api/network';
import { hostOf } from './host';
import { live } from './live.svelte';

/** How the world reaches the node, kept true by events. */
class ReachState {
  now = $state.raw<Reach | null>(null);

  /** The address that works from anywhere, while it works. */
  get host(): string {
    return this.now?.connected ? hostOf(this.now.publicEndpoint) : '';
  }

  /** This window came by that address: through the gateway. */
  get through(): boolean {
    return hostOf(this.now?.publicEndpoint) === location.host;
  }

  watch(): () => void {
    void this.#read();
    const stop = [live.onReach((r) => (this.now = r)), live.onBack(() => void this.#read())];
    return () => stop.forEach((fn) => fn());
  }

  async #read(): Promise<void> {
    try {
      this.now = await connectivity();
    } catch {
      // What was known stays; that the node does not answer shows elsewhere.
    }
  }
}

export const reach = new ReachState();
