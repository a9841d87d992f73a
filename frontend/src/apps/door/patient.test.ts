import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, NoAnswer } from '../../api/http';
import { patient } from './patient';

const waiting = new ApiError(408, { code: 'request_timeout' });
const broken = new NoAnswer();

/** Answers with each of these in turn, and then with the last again and again. */
function node(...answers: (Error | string)[]) {
  let n = 0;
  const ask = () => {
    const a = answers[Math.min(n++, answers.length - 1)];
    return a instanceof Error ? Promise.reject(a) : Promise.resolve(a);
  };
  return { ask, asked: () => n };
}

describe('patient', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const pause = (ms: number) => {
    vi.setSystemTime(Date.now() + ms);
    return Promise.resolve();
  };

  it('asks again when nobody has decided yet, at once', async () => {
    const n = node(waiting, waiting, 'in');
    expect(await patient(n.ask, 120, () => Promise.reject(new Error('waited')))).toBe('in');
    expect(n.asked()).toBe(3);
  });

  it('goes on after a broken way, a gateway without its PC and a full node', async () => {
    const n = node(broken, new ApiError(502, {}), new ApiError(503, {}), new ApiError(429, { code: 'too_many_requests', retry_after: 5 }), 'in');
    expect(await patient(n.ask, 120, pause)).toBe('in');
  });

  it.each([
    [403, 'pair_denied'],
    [410, 'pair_expired'],
    [401, 'pair_unknown'],
    [500, 'internal_error'],
  ])('takes %d %s for an answer', async (status, code) => {
    const n = node(waiting, new ApiError(status, { code }));
    await expect(patient(n.ask, 120, pause)).rejects.toMatchObject({ code });
    expect(n.asked()).toBe(2);
  });

  it('gives up on a silent node when the time is over', async () => {
    const n = node(broken);
    await expect(patient(n.ask, 120, pause)).rejects.toBe(broken);
    expect(n.asked()).toBe(121);
  });

  it('ends when it is cancelled', async () => {
    const cancelled = new DOMException('', 'AbortError');
    await expect(patient(node(waiting, cancelled).ask, 120, pause)).rejects.toBe(cancelled);
  });
});
