/** Bytes per second over the last seconds: steady enough to read, quick enough to believe. */
export class Rate {
  #samples: { at: number; bytes: number }[] = [];

  constructor(private readonly windowMs = 6000) {}

  add(at: number, bytes: number): void {
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) < at - this.windowMs) this.#samples.shift();
  }

  /** 0 until there is something to say. */
  get perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < 400) return 0;
    return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.at - first.at));
  }

  reset(): void {
    this.#samples = [];
  }
}
