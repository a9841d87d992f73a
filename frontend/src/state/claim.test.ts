import { expect, it } from 'vitest';
import { cleanClaim } from './claim';
import { onLoopback } from './loopback';

it.each([
  ['ABCD-1234-EFGH', 'ABCD1234EFGH'],
  [' abcd 1234 efgh ', 'ABCD1234EFGH'],
  ['oOiIlL', '001111'],
])('claim code %j', (typed, code) => expect(cleanClaim(typed)).toBe(code));

it.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['[::1]', true],
  ['alice.localhost', false], // through the gateway
  ['192.168.1.2', false],
  ['localhost.example.com', false],
  ['127.0.0.1.example.com', false],
])('%s is loopback: %s', (host, is) => expect(onLoopback(host)).toBe(is));
