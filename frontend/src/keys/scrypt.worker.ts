import { scryptAsync } from '@noble/hashes/scrypt.js';

export interface Job {
  passphrase: string;
  salt: Uint8Array;
  cost: { N: number; r: number; p: number };
}

export type Report = { progress: number } | { key: Uint8Array } | { error: string };

const report = (r: Report) => postMessage(r);

onmessage = async (e: MessageEvent<Job>) => {
  const { passphrase, salt, cost } = e.data;
  let told = 0;
  try {
    const key = await scryptAsync(passphrase, salt, {
      ...cost,
      dkLen: 32,
      maxmem: 2 ** 28,
      onProgress(progress) {
        if (progress - told < 0.02) return;
        told = progress;
        report({ progress });
      },
    });
    report({ key });
  } catch (error) {
    report({ error: String(error) });
  }
};
