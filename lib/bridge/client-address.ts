/** Whose connection it is, as far as limits go. */

import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/**
 * The address of a client, in the form in which it is counted: IPv4 as usual, of IPv6 the sixteen hexadecimal digits of
 * its /64, and `unknown` for all that a proxy tells no address of. `undefined` is not counted: it is of this machine or
 * a private network, which is where a proxy is.
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
  // Where there are fewer, none of them is the client's own writing.
  return countedAs(forwarded.at(-trustedProxies) ?? forwarded[0] ?? '');
}

/** @param text an address as Node or a proxy writes it: with a port (`192.0.2.1:80`, `[2001:db8::1]:80`), or none at all */
export function countedAs(text: string): ClientAddress {
  const [, bracketed, withPort] = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(text.trim()) ?? [];
  const bare = (bracketed ?? withPort ?? text.trim()).replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return 'unknown';
  const address = ipaddr.process(bare);
  if (['loopback', 'private', 'uniqueLocal', 'linkLocal'].includes(address.range())) return undefined;
  if (!(address instanceof ipaddr.IPv6)) return address.toString();
  const groups = address.parts.slice(0, 4);
  return groups.map((group) => group.toString(16).padStart(4, '0')).join('');
}
