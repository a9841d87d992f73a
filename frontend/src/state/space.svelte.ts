import { df, type Space } from '../api/files';
import { live } from './live.svelte';

/** How full the disk is, read again some time after changes. */
class SpaceState {
  now = $state.raw<Space | null>(null);
  /** A write was refused for want of space, and nothing has been written since. */
  full = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  watch(): () => void {
    void this.#read();
    const stop = [live.onChanged(() => this.soon()), live.onBack(() => this.soon())];
    return () => {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      stop.forEach((fn) => fn());
    };
  }

  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#read();
    }, 1500);
  }

  async #read(): Promise<void> {
    try {
      this.now = await df();
    } catch {
      // The last known numbers stay; what is wrong shows elsewhere.
    }
  }
}

export const space = new SpaceState();
