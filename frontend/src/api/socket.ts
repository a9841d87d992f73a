import { io, type Socket } from 'socket.io-client';
import type { Entry } from './files';
import type { Reach } from './network';
import type { PairRequest } from './pair';

/** What the node says when something changed. Every file event has an id, which a reconnect names. */
export type FileEvent =
  | { kind: 'added' | 'updated'; entry: Entry }
  | { kind: 'moved' | 'renamed'; entry: Entry; oldPath: string }
  | { kind: 'removed'; path: string; uid: string; descendantsOnly: boolean };

export interface LiveHandlers {
  /** After the first connection and after each further one. */
  connected(): void;
  disconnected(): void;
  refused(): void;
  event(event: FileEvent): void;
  /** Something changed somewhere; at most four times a second. */
  changed(): void;
  /** A further browser has entered the code of this session. */
  asked(question: PairRequest): void;
  reach(reach: Reach): void;
  reauth(reason: string): void;
}

type Payload = Entry & {
  event_id?: string | number;
  old_path?: string;
  descendants_only?: boolean;
};

/** The one socket. The session cookie opens it; there is no token in the page to send. */
export class Live {
  readonly #socket: Socket;
  #lastEvent: string | number | null = null;
  #ended = false;

  constructor(handlers: LiveHandlers) {
    const socket = io({
      autoConnect: false,
      withCredentials: true,
      transports: ['websocket', 'polling'],
      reconnectionDelay: 500,
      reconnectionDelayMax: 8000,
      auth: (send) => send(this.#lastEvent === null ? {} : { last_event_id: this.#lastEvent }),
    });
    this.#socket = socket;

    socket.on('connect', () => handlers.connected());
    socket.on('disconnect', (reason) => {
      // The node closed it on purpose, and socket.io would not come back by itself.
      if (reason === 'io server disconnect' && !this.#ended) setTimeout(() => this.connect(), 1000);
      handlers.disconnected();
    });
    socket.on('connect_error', (error) => {
      if (error.message === 'Unauthorized') handlers.refused();
    });
    socket.on('reauth_required', (p?: { reason?: string }) => {
      this.#ended = true;
      handlers.reauth(p?.reason ?? '');
    });

    const on = (name: string, make: (p: Payload) => FileEvent) =>
      socket.on(name, (p: Payload) => {
        if (p.event_id !== undefined) this.#lastEvent = p.event_id;
        handlers.event(make(p));
      });
    on('item.added', (entry) => ({ kind: 'added', entry }));
    on('item.updated', (entry) => ({ kind: 'updated', entry }));
    on('item.moved', (entry) => ({ kind: 'moved', entry, oldPath: entry.old_path ?? '' }));
    on('item.renamed', (entry) => ({ kind: 'renamed', entry, oldPath: entry.old_path ?? '' }));
    on('item.removed', (p) => ({ kind: 'removed', path: p.path, uid: p.uid, descendantsOnly: p.descendants_only === true }));

    socket.on('pair.requested', (q: PairRequest) => handlers.asked(q));
    socket.on('boson.status', (p: { connectivity: Reach }) => handlers.reach(p.connectivity));
    socket.on('cache.updated', () => handlers.changed());
  }

  get id(): string {
    return this.#socket.id ?? '';
  }

  connect(): void {
    if (!this.#ended) this.#socket.connect();
  }

  close(): void {
    this.#ended = true;
    this.#socket.close();
  }
}
