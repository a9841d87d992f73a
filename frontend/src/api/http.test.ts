import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeOf, whoami } from './auth';
import { ApiError, NoAnswer, refused, request, wire } from './http';
import { sha256Of } from './upload';

const answer = (status: number, body: unknown, type = 'application/json') =>
  vi.stubGlobal('fetch', async () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'Content-Type': type } }));

afterEach(() => vi.unstubAllGlobals());

describe('request', () => {
  it('gives the answer', async () => {
    answer(200, { a: 1 });
    expect(await request('GET', '/x')).toEqual({ a: 1 });
  });

  it('turns a refusal into its code', async () => {
    answer(429, { error: 'Too Many Requests', message: 'Too many', code: 'too_many_requests', retry_after: 7 });
    await expect(request('GET', '/x')).rejects.toMatchObject({ status: 429, code: 'too_many_requests', message: 'Too many', retryAfter: 7 });
  });

  it('survives what is no JSON', async () => {
    answer(502, '<html>Bad gateway</html>', 'text/html');
    await expect(request('GET', '/x')).rejects.toMatchObject({ status: 502, code: 'internal_error' });
    answer(500, '{"error":"cut o', 'application/json');
    await expect(request('GET', '/x')).rejects.toBeInstanceOf(ApiError);
  });

  it('tells of a session that is over, unless that was the question', async () => {
    const told = vi.fn();
    wire.signedOut = told;
    answer(401, { code: 'reauth_required', reason: 'session_revoked' });
    await expect(request('GET', '/x')).rejects.toMatchObject({ signedOut: true });
    expect(told).toHaveBeenCalledOnce();
    expect(await whoami()).toBeNull();
    expect(told).toHaveBeenCalledOnce();
    answer(401, { code: 'signature_invalid' });
    await expect(request('GET', '/x')).rejects.toMatchObject({ signedOut: false });
  });

  it('tells of no answer at all', async () => {
    const lost = vi.fn();
    wire.lost = lost;
    vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('Failed to fetch')));
    await expect(request('GET', '/x')).rejects.toBeInstanceOf(NoAnswer);
    expect(lost).toHaveBeenCalledOnce();
  });
});

it('reads a refused upload', () => {
  expect(refused(507, '{"code":"storage_full","message":"m"}')).toMatchObject({ status: 507, code: 'storage_full' });
  expect(refused(502, '<html>')).toMatchObject({ status: 502, code: 'internal_error' });
});

it.each([
  ['sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
  ['sha-512=:AA==:, sha-256=:BB==:', 'BB=='],
  ['md5=:AA==:', null],
  ['xsha-256=:AA==:', null],
  [null, null],
])('digest of %s', (header, digest) => expect(sha256Of(header)).toBe(digest));

it('finds the node in a challenge', () => {
  expect(nodeOf('h wants you\n\nResources:\n- urn:pc2:node:6BThX')).toBe('6BThX');
  expect(nodeOf('- urn:pc2:node:')).toBe('');
});
