/** Reads the network address under which a connection counts towards limits. */

import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/**
 * An IPv4 address; the sixteen hexadecimal digits of an IPv6 address's /64; or `unknown` for all clients whose address a
 * proxy does not tell. `undefined` has no limit: an address of this machine or of a private network, where a proxy is.
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
  return countedAs(forwarded.at(-trustedProxies) ?? forwarded[0] ?? '');
}

/** @param text an address as Node or a proxy writes it, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80` */
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
