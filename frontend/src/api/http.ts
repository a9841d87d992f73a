/** The one place from which the page talks HTTP (uploads excepted, which need progress: upload.ts). */

/** An answer of the node that says no. `code` is one of the stable strings of the interface. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Record<string, unknown>) {
    super(text(body.message) ?? text(body.error) ?? `HTTP ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = text(body.code) ?? (status >= 500 ? 'internal_error' : 'bad_request');
    this.fields = body;
  }

  /** Seconds to wait, when the node said so. */
  get retryAfter(): number {
    const s = Number(this.fields.retry_after);
    return Number.isFinite(s) && s > 0 ? s : 0;
  }

  /** The session is over; the only way on is to sign in again. */
  get signedOut(): boolean {
    return this.status === 401 && sessionCodes.has(this.code);
  }
}

/** No answer at all: the node is stopped, or the way to it is broken. */
export class NoAnswer extends Error {
  constructor(cause?: unknown) {
    super('no answer', { cause });
    this.name = 'NoAnswer';
  }
}

const sessionCodes = new Set(['token_missing', 'token_auth_failed', 'reauth_required']);

/** What every answer tells besides its content. `state/live.svelte.ts` listens. */
export const wire = {
  reached: () => {},
  lost: () => {},
  signedOut: (_error: ApiError) => {},
  /** The program does not know this page as its window. */
  notWindow: () => {},
};

export interface RequestOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A refused session is part of the question here, not the end of it. */
  quiet?: boolean;
}

export async function request<T>(method: 'GET' | 'POST', path: string, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';

  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      signal: options.signal ?? null,
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    wire.lost();
    throw new NoAnswer(cause);
  }
  wire.reached();

  const body = await content(answer);
  if (answer.ok) return body as T;
  const error = new ApiError(answer.status, record(body));
  if (error.signedOut && !options.quiet) wire.signedOut(error);
  if (error.status === 403 && path.startsWith('/desktop/')) wire.notWindow();
  throw error;
}

/** For answers that take their time: each line of JSON is told as it comes. */
export async function requestLines(path: string, body: unknown, signal: AbortSignal, line: (value: Record<string, unknown>) => void): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers: { Accept: 'application/x-ndjson, application/json', 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      signal,
    });
  } catch (cause) {
    if (signal.aborted) throw cause;
    wire.lost();
    throw new NoAnswer(cause);
  }
  wire.reached();
  if (!answer.ok) {
    const error = new ApiError(answer.status, record(await content(answer)));
    if (error.signedOut) wire.signedOut(error);
    throw error;
  }
  try {
    for await (const text of linesOf(answer)) line(record(JSON.parse(text)));
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new NoAnswer(cause); // cut off in the middle
  }
}

async function* linesOf(answer: Response): AsyncGenerator<string> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const part = await reader?.read();
    if (!part || part.done) break;
    const lines = (rest + part.value).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((l) => l !== '');
  }
  if (rest !== '') yield rest;
}

async function content(answer: Response): Promise<unknown> {
  const raw = await answer.text();
  if (!answer.headers.get('Content-Type')?.includes('json')) return raw;
  try {
    return JSON.parse(raw);
  } catch {
    // A proxy cut the answer off; what it meant is in the status.
    return { message: `HTTP ${answer.status}: the answer is not complete` };
  }
}

/** Parses the body of a refused upload, which arrives as text. */
export function refused(status: number, raw: string): ApiError {
  try {
    return new ApiError(status, record(JSON.parse(raw)));
  } catch {
    return new ApiError(status, {});
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
