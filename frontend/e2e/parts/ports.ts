import { once } from 'node:events';
import { createServer } from 'node:net';

// Systems take none of these for connections of their own, so that a program that was stopped finds
// its port free when it comes back; and browsers refuse none of them.
const first = 12_000;
const last = 19_999;

/** Free ports of this machine, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 500) throw new Error(`no free port between ${first} and ${last}`);
    const port = first + Math.floor(Math.random() * (last - first + 1));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const refused = once(server, 'error').then(() => false);
  const listens = once(server, 'listening').then(() => true);
  server.listen(port, '127.0.0.1');
  const free = await Promise.race([listens, refused]);
  if (free) server.close();
  return free;
}
