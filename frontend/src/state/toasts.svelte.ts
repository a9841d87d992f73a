export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  /** Of something under way: its action ends that, and nothing else takes it away. */
  stays?: boolean;
  action?: { label: string; run: () => void };
}

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  /** The upload dock is open: they stand where they do not cover it. */
  aside = $state(false);
  #next = 1;

  say(text: string, action?: Toast['action']): void {
    this.#add({ id: this.#next++, text, bad: false, ...(action && { action }) }, action ? 8000 : 4000);
  }

  /** Trouble stays until it is read. */
  warn(text: string): void {
    if (this.list.some((x) => x.bad && x.text === text)) return;
    this.#add({ id: this.#next++, text, bad: true }, 12000);
  }

  /** Stays until it is taken away; its text may change meanwhile. */
  stay(text: string, action: NonNullable<Toast['action']>): { say(text: string): void; end(): void } {
    const toast = { id: this.#next++, text, bad: false, action, stays: true };
    this.list = [...this.#room(), toast];
    return {
      say: (text) => (this.list = this.list.map((x) => (x.id === toast.id ? { ...x, text } : x))),
      end: () => this.dismiss(toast.id),
    };
  }

  dismiss(id: number): void {
    this.list = this.list.filter((x) => x.id !== id);
  }

  clear(): void {
    this.list = [];
  }

  /** Two beside the next one; what is under way is never pushed out. */
  #room(): Toast[] {
    const passing = this.list.filter((x) => !x.stays).slice(-2);
    return this.list.filter((x) => x.stays || passing.includes(x));
  }

  #add(toast: Toast, ms: number): void {
    this.list = [...this.#room(), toast];
    setTimeout(() => this.dismiss(toast.id), ms);
  }
}

export const toasts = new Toasts();
