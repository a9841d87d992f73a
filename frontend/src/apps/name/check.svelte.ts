import { cleanName, nameFault, near, type NameFault } from './name';

export type Verdict =
  | { kind: 'empty' }
  | { kind: 'fault'; fault: NameFault }
  | { kind: 'checking' }
  | { kind: 'own' }
  | { kind: 'free' }
  | { kind: 'taken'; free: readonly string[] }
  /** Nobody could be asked, or said no to the question. */
  | { kind: 'unknown'; error: unknown };

type Ask = (name: string, signal: AbortSignal) => Promise<boolean>;

/** Is the name free? Asked while somebody types, when they pause; only the last question counts. */
export class NameCheck {
  verdict = $state.raw<Verdict>({ kind: 'empty' });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(
    private readonly ask: Ask,
    private readonly pause = 300,
  ) {}

  /** `own` is the name that this PC2 has already. */
  typed(text: string, own = ''): void {
    this.stop();
    const name = cleanName(text);
    if (name === '') return void (this.verdict = { kind: 'empty' });
    if (name === own) return void (this.verdict = { kind: 'own' });
    const fault = nameFault(name);
    if (fault) return void (this.verdict = { kind: 'fault', fault });
    this.verdict = { kind: 'checking' };
    this.#timer = setTimeout(() => void this.#look(name), this.pause);
  }

  /** Somebody else was faster: what is said of the name is looked up again. */
  taken(text: string): void {
    this.stop();
    void this.#near(cleanName(text), this.#begin());
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  #begin(): AbortSignal {
    this.#asking = new AbortController();
    return this.#asking.signal;
  }

  async #look(name: string): Promise<void> {
    const signal = this.#begin();
    try {
      const free = await this.ask(name, signal);
      if (signal.aborted) return;
      if (free) this.verdict = { kind: 'free' };
      else await this.#near(name, signal);
    } catch (error) {
      if (!signal.aborted) this.verdict = { kind: 'unknown', error };
    }
  }

  /** Said at once; what is free instead follows. */
  async #near(name: string, signal: AbortSignal): Promise<void> {
    this.verdict = { kind: 'taken', free: [] };
    const all = near(name);
    const free = await Promise.all(all.map((n) => this.ask(n, signal).catch(() => false)));
    if (!signal.aborted) this.verdict = { kind: 'taken', free: all.filter((_, n) => free[n]) };
  }
}
