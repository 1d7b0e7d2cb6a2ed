/** Reads the network address under which a connection counts towards limits. */

import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/**
 * An IPv4 address; the sixteen hexadecimal digits of an IPv6 address's /64; or `unknown` for all clients without an address
 * in the header of a proxy. `undefined` has no limit: a connection from this machine or a private network may be a proxy's.
 */
export type ClientAddress = string | undefined;

/** @param trustedProxies how many entries at the end of `X-Forwarded-For` were written by our own proxies */
export function clientAddress(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  trustedProxies: number,
): ClientAddress {
  const header = headers['x-forwarded-for'];
  if (trustedProxies === 0 || header === undefined) return countedAs(socket.remoteAddress ?? '');
  const forwarded = String(header).split(',');
  // With fewer entries than proxies, the client itself wrote none of them.
  return countedAs(forwarded.at(-trustedProxies) ?? forwarded[0] ?? '', true);
}

/**
 * @param text an address as Node or a proxy writes it, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`
 * @param isClient the address is that of a client, also in a private network; not that of a proxy
 */
export function countedAs(text: string, isClient = false): ClientAddress {
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
