/** Whose connection it is, as far as the limit of connections goes. */

import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/**
 * @param trustedProxies how many entries at the end of `X-Forwarded-For` were written by our own proxies
 * @returns the address, for IPv6 its /64; `undefined` for one that is not counted: of this machine or a private
 *   network, which is where a proxy is
 */
export function clientAddress(req: IncomingMessage, trustedProxies: number): string | undefined {
  const forwarded = String(req.headers['x-forwarded-for'] ?? '').split(',');
  const text = trustedProxies > 0 ? forwarded.at(-trustedProxies) : req.socket.remoteAddress;
  const trimmed = (text ?? '').trim();
  if (!ipaddr.isValid(trimmed)) return undefined;
  const address = ipaddr.process(trimmed);
  if (['loopback', 'private', 'uniqueLocal', 'linkLocal'].includes(address.range())) return undefined;
  if (address instanceof ipaddr.IPv6) return address.parts.slice(0, 4).join(':');
  return address.toString();
}
