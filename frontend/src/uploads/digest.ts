import type { Job, Report } from './digest.worker';

// Up to here the browser's own SHA-256 is quicker, and the bytes fit into memory without a thought.
const small = 32 << 20;

/** SHA-256 of files, base64, while they are being sent. Large ones in a worker, streamed. */
export class Digester {
  #worker: Worker | null = null;
  #next = 0;
  #waiting = new Map<number, { resolve(hash: Uint8Array): void; reject(error: Error): void }>();

  async of(file: Blob, signal: AbortSignal): Promise<string> {
    if (file.size <= small && globalThis.crypto?.subtle) {
      return base64(new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())));
    }
    return base64(await this.#inWorker(file, signal));
  }

  /** Gives the worker's memory back; the next large file starts another. */
  rest(): void {
    if (this.#waiting.size > 0) return;
    this.#worker?.terminate();
    this.#worker = null;
  }

  #inWorker(file: Blob, signal: AbortSignal): Promise<Uint8Array> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      signal.addEventListener('abort', () => this.#forget(id, signal), { once: true });
      this.#start().postMessage({ id, file } satisfies Job);
    });
  }

  #forget(id: number, signal: AbortSignal): void {
    const waiter = this.#waiting.get(id);
    if (!waiter) return;
    this.#waiting.delete(id);
    this.#worker?.postMessage({ id, forget: true } satisfies Job);
    waiter.reject(new DOMException('forgotten', signal.reason?.name ?? 'AbortError'));
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./digest.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = (e: MessageEvent<Report>) => {
      const report = e.data;
      const waiter = this.#waiting.get(report.id);
      this.#waiting.delete(report.id);
      if ('hash' in report) waiter?.resolve(report.hash);
      else waiter?.reject(new Error(report.error));
    };
    worker.onerror = (e) => {
      for (const w of this.#waiting.values()) w.reject(new Error(e.message || 'the worker could not start'));
      this.#waiting.clear();
      this.#worker = null;
    };
    return (this.#worker = worker);
  }
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
