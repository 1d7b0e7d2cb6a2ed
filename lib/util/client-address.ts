/** Reads the client address that limits count. */

import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/**
 * An IPv4 address, the first 16 hexadecimal digits of an IPv6 address (its /64), or `unknown`. All clients without an
 * address in the header of a proxy share `unknown`. `undefined` has no limit: the address is local or private, so it
 * may belong to a proxy.
 */
export type ClientAddress = string | undefined;

/** @param trustedProxies number of entries at the end of `X-Forwarded-For` that the site's own proxies wrote */
export function clientAddress(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  trustedProxies: number,
): ClientAddress {
  const header = headers['x-forwarded-for'];
  if (trustedProxies === 0 || header === undefined) return parseClientAddress(socket.remoteAddress ?? '');
  const forwarded = String(header).split(',');
  // With fewer entries than proxies, the site's own proxies wrote all of them. The first one is the client.
  return parseClientAddress(forwarded.at(-trustedProxies) ?? forwarded[0] ?? '', true);
}

/**
 * @param text an address from Node.js or a proxy, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`
 * @param isClient whether the address belongs to a client even if it is private
 */
export function parseClientAddress(text: string, isClient = false): ClientAddress {
  const [, bracketed, withPort] = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(text.trim()) ?? [];
  const bare = (bracketed ?? withPort ?? text.trim()).replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return 'unknown';
  const address = ipaddr.process(bare);
  const uncounted = isClient ? ['loopback'] : ['loopback', 'private', 'uniqueLocal', 'linkLocal'];
  if (uncounted.includes(address.range())) return undefined;
  if (!(address instanceof ipaddr.IPv6)) return address.toString();
  const groups = address.parts.slice(0, 4);
  return groups.map((group) => group.toString(16).padStart(4, '0')).join('');
}
