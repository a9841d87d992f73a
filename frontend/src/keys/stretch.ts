import type { Job, Report } from './scrypt.worker';
import type { Stretch } from './seal';

/** scrypt in a worker of its own: 128 MiB and about a second, while the page stays alive. */
export function stretcher(onProgress: (part: number) => void): Stretch {
  return (passphrase, salt, cost) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./scrypt.worker.ts', import.meta.url), { type: 'module' });
      const end = (settle: () => void) => {
        worker.terminate();
        settle();
      };
      worker.onmessage = (e: MessageEvent<Report>) => {
        const r = e.data;
        if ('progress' in r) onProgress(r.progress);
        else if ('key' in r) end(() => resolve(r.key));
        else end(() => reject(new Error(r.error)));
      };
      worker.onerror = (e) => end(() => reject(new Error(e.message || 'the worker could not start')));
      worker.postMessage({ passphrase, salt, cost } satisfies Job);
    });
}
