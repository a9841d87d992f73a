import type { Sealed } from './seal';

/** The sealed keys of this browser: one IndexedDB store, one record for each node and address. */

const dbName = 'pc2-keys';
const storeName = 'sealed';

export async function sealedKeys(): Promise<Sealed[]> {
  const all = await run('readonly', (s) => s.getAll() as IDBRequest<Sealed[]>);
  return all.filter((k) => k.v === 1).sort((a, b) => b.created - a.created);
}

export async function keep(sealed: Sealed): Promise<void> {
  await run('readwrite', (s) => s.put(sealed));
  // Best effort: asks the browser not to evict the key when its disk gets full. A refusal changes nothing here.
  await navigator.storage?.persist?.().catch(() => false);
}

export async function forget(sealed: Pick<Sealed, 'node' | 'address'>): Promise<void> {
  await run('readwrite', (s) => s.delete([sealed.node, sealed.address]));
}

async function run<T>(mode: IDBTransactionMode, fn: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const tx = db.transaction(storeName, mode, { durability: 'strict' });
      const req = fn(tx.objectStore(storeName));
      tx.oncomplete = () => resolve(req.result);
      tx.onabort = () => reject(tx.error);
      tx.onerror = () => reject(tx.error);
    });
  } finally {
    db.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const req = indexedDB.open(dbName, 1);
    req.onupgradeneeded = () => req.result.createObjectStore(storeName, { keyPath: ['node', 'address'] });
    req.onsuccess = () => resolve(req.result);
    req.onerror = () => reject(req.error);
    req.onblocked = () => reject(new Error('another page holds the key store'));
  });
}
