import { request } from './http';

/** Entry, shape v1: the fields that the page reads. */
export interface Entry {
  uid: string;
  path: string;
  dirpath: string;
  name: string;
  is_dir: boolean;
  type: string | null;
  mime_type: string | null;
  writable: boolean;
  is_public: boolean | null;
  immutable: boolean;
  modified: number;
  created: number;
  size: number | null;
  is_empty: boolean;
  ipfs_hash: string | null;
}

/** What the answers and events of a change carry, so that a page knows its own. */
export interface Origin {
  original_client_socket_id?: string;
}

export const pageSize = 1000;

interface Page {
  items: Entry[];
  cursor?: string | null;
}

/** Lists a folder, a page at a time. */
export async function* readdir(path: string, signal?: AbortSignal): AsyncGenerator<Entry[]> {
  for (let cursor: string | null = null; ; ) {
    const page: Page | Entry[] = await request('POST', '/readdir', {
      body: { path, limit: pageSize, cursor, no_thumbs: true, no_assocs: true, no_subdomains: true },
      signal,
    });
    if (Array.isArray(page)) {
      yield page;
      return;
    }
    yield page.items;
    if (!page.cursor) return;
    cursor = page.cursor;
  }
}

export function stat(path: string): Promise<Entry> {
  return request('POST', '/stat', { body: { path } });
}

export interface MkdirRequest extends Origin {
  path: string;
  create_missing_parents?: boolean;
  dedupe_name?: boolean;
  overwrite?: boolean;
}

export function mkdir(body: MkdirRequest): Promise<Entry> {
  return request('POST', '/mkdir', { body });
}

export interface MoveRequest extends Origin {
  source: string;
  destination: string;
  new_name?: string;
  overwrite?: boolean;
  dedupe_name?: boolean;
}

export interface Moved {
  moved: Entry;
  old_path: string;
  overwritten?: Entry;
}

export function move(body: MoveRequest): Promise<Moved> {
  return request('POST', '/move', { body });
}

export function rename(body: { uid: string; new_name: string } & Origin): Promise<Entry & { old_path: string }> {
  return request('POST', '/rename', { body });
}

export interface Copied {
  copied: Entry;
  overwritten?: Entry;
}

export async function copy(body: MoveRequest): Promise<Copied> {
  const answer = await request<Copied[]>('POST', '/copy', { body });
  if (!answer[0]) throw new Error('/copy answered an empty list');
  return answer[0];
}

/** Deletes for good: all of them or none. */
export function remove(body: { paths: string[] } & Origin): Promise<{ path: string; uid: string }[]> {
  return request('POST', '/delete', { body: { ...body, permanent: true, recursive: true } });
}

export interface Space {
  used: number;
  capacity: number;
}

export function df(): Promise<Space> {
  return request('GET', '/df');
}

export function downloadUrl(path: string): string {
  return `/read?path=${encodeURIComponent(path)}&download=1`;
}
