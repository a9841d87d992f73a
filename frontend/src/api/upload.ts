import { ApiError, NoAnswer, refused, wire } from './http';
import type { Entry } from './files';

export interface PutRequest {
  path: string;
  overwrite: boolean;
  dedupeName: boolean;
  socketId: string;
}

export interface PutAnswer {
  entry: Entry;
  /** SHA-256 of what the node has stored, as it says: base64, or null. */
  digest: string | null;
}

/**
 * Sends one file as the raw body of PUT /write. XMLHttpRequest, because fetch does not
 * tell how much has left. The node is asked for the digest of what arrived.
 */
export function put(file: Blob, req: PutRequest, onSent: (bytes: number) => void, signal: AbortSignal): Promise<PutAnswer> {
  const query = new URLSearchParams({ path: req.path, overwrite: String(req.overwrite) });
  if (req.dedupeName) query.set('dedupe_name', 'true');
  if (req.socketId) query.set('original_client_socket_id', req.socketId);

  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    signal.addEventListener('abort', abort, { once: true });
    xhr.onloadend = () => signal.removeEventListener('abort', abort);
    xhr.upload.onprogress = (e) => onSent(e.loaded);
    xhr.onabort = () => reject(signal.reason ?? new DOMException('aborted', 'AbortError'));
    xhr.onerror = () => {
      wire.lost();
      reject(new NoAnswer());
    };
    xhr.onload = () => {
      wire.reached();
      if (xhr.status !== 200) {
        const error = refused(xhr.status, xhr.responseText);
        if (error.signedOut) wire.signedOut(error);
        return reject(error);
      }
      try {
        resolve({ entry: JSON.parse(xhr.responseText) as Entry, digest: sha256Of(xhr.getResponseHeader('Repr-Digest')) });
      } catch (cause) {
        reject(new ApiError(502, { message: 'The answer is not complete', cause }));
      }
    };
    xhr.open('PUT', `/write?${query}`);
    xhr.setRequestHeader('Accept', 'application/json');
    xhr.setRequestHeader('Want-Repr-Digest', 'sha-256=10');
    // The node finds the type from the name; without this the browser would send the file's own.
    xhr.setRequestHeader('Content-Type', 'application/octet-stream');
    xhr.send(file);
  });
}

/** The sha-256 member of an RFC 9530 Repr-Digest field, base64. */
export function sha256Of(header: string | null): string | null {
  return /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]+={0,2}):/.exec(header ?? '')?.[1] ?? null;
}
