/** Which clients may read the service's counters. */

import type { IncomingMessage } from 'node:http';
import { mayReadCounts } from '../../lib/service/health';

const healthToken = '0123456789abcdef';
const tls = { cert: Buffer.alloc(0), key: Buffer.alloc(0) };
const open = { publicURL: 'https://a.example', tls, trustedProxies: 0, healthToken: undefined };
const proxied = { ...open, tls: undefined, trustedProxies: 1 };

it.each<[string, string, Record<string, string>, Parameters<typeof mayReadCounts>[1], boolean]>([
  ['this machine', '127.0.0.1', {}, open, true],
  ['this machine over IPv6', '::1', {}, open, true],
  ['a private network', '::ffff:10.0.0.7', {}, open, true],
  ['the world', '203.0.113.7', {}, open, false],
  ['a header of the world', '203.0.113.7', { 'x-forwarded-for': '127.0.0.1' }, proxied, false],
  ['the operator, past the proxy', '127.0.0.1', {}, proxied, true],
  ['the world, through the proxy', '127.0.0.1', { 'x-forwarded-for': '203.0.113.7' }, proxied, false],
  ['the world, pretending to be near', '127.0.0.1', { 'x-forwarded-for': '127.0.0.1' }, proxied, false],
  [
    'the world, through a proxy that says so otherwise',
    '127.0.0.1',
    { forwarded: 'for=unknown' },
    proxied,
    false,
  ],
  [
    'every client, through a proxy without headers of its own',
    '127.0.0.1',
    {},
    { ...proxied, trustedProxies: 0 },
    false,
  ],
  [
    'who has the token',
    '203.0.113.7',
    { authorization: `Bearer ${healthToken}` },
    { ...proxied, healthToken },
    true,
  ],
  ['who has another token', '127.0.0.1', { authorization: 'Bearer x' }, { ...open, healthToken }, false],
  ['a token where there is none', '203.0.113.7', { authorization: 'Bearer undefined' }, open, false],
])('%s', (_who, remoteAddress, headers, config, may) => {
  const req = { headers, socket: { remoteAddress } } as unknown as IncomingMessage;
  expect(mayReadCounts(req, config)).toBe(may);
});
