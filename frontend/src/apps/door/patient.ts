import { ApiError, NoAnswer } from '../../api/http';

/**
 * Asks until there is an answer. The node holds each question for a while and then wants to be asked
 * again (`request_timeout`); a way that breaks meanwhile may be back in a moment. It is the node that
 * says when it is too late, unless it is silent until then.
 */
export async function patient<T>(ask: () => Promise<T>, seconds: number, pause: (ms: number) => Promise<void> = sleep): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof NoAnswer) {
        if (Date.now() >= end) throw error;
        await pause(1000);
      } else if (error instanceof ApiError && (error.code === 'too_many_requests' || error.status >= 502)) {
        if (Date.now() >= end) throw error;
        await pause(Math.max(1, error.retryAfter) * 1000);
      } else if (!(error instanceof ApiError && error.code === 'request_timeout')) {
        throw error;
      }
    }
  }
}

const sleep = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));
