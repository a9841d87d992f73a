export interface Toast {
  id: number;
  text: string;
  bad: boolean;
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

  dismiss(id: number): void {
    this.list = this.list.filter((x) => x.id !== id);
  }

  clear(): void {
    this.list = [];
  }

  #add(toast: Toast, ms: number): void {
    this.list = [...this.list.slice(-2), toast];
    setTimeout(() => this.dismiss(toast.id), ms);
  }
}

export const toasts = new Toasts();
