import { sha256 } from '@noble/hashes/sha2.js';

export type Job = { id: number; file: Blob } | { id: number; forget: true };
export type Report = { id: number; hash: Uint8Array } | { id: number; error: string };

// One file after the other: a second one at the same time would only halve both.
let line: Promise<void> = Promise.resolve();

const forgotten = new Set<number>();

onmessage = (e: MessageEvent<Job>) => {
  const job = e.data;
  if ('forget' in job) forgotten.add(job.id);
  else line = line.then(() => digest(job.id, job.file));
};

async function digest(id: number, file: Blob): Promise<void> {
  try {
    const hash = sha256.create();
    const reader = file.stream().getReader();
    for (;;) {
      if (forgotten.delete(id)) return void (await reader.cancel());
      const { done, value } = await reader.read();
      if (done) break;
      hash.update(value);
    }
    postMessage({ id, hash: hash.digest() } satisfies Report);
  } catch (error) {
    postMessage({ id, error: String(error) } satisfies Report);
  }
}
