/** Name resolution that answers with public addresses or not at all. */

import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './addresses.js';

/** A name that leads to an address which a stranger must not make us connect to. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError';
  readonly code = 'EPRIVATE';
  constructor(hostname: string) {
    super(`${hostname} resolves to an address that is not public`);
  }
}

/** More than any instance needs. */
const maxAddresses = 8;

function resolveBy(lookup: LookupFunction, hostname: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, address, family) => {
      if (error) reject(error);
      else if (Array.isArray(address)) resolve(address);
      else resolve([{ address, family: family ?? (address.includes(':') ? 6 : 4) }]);
    });
  });
}

/**
 * A lookup for `net.connect`. It runs inside the connection attempt, so the addresses that are judged are
 * the ones connected to: a name cannot change its mind in between. One private address among public ones
 * refuses the whole name.
 */
export function publicLookup(lookup?: LookupFunction): LookupFunction {
  return answering(async (hostname) => {
    const addresses = await (lookup ? resolveBy(lookup, hostname) : resolveByDNS(hostname));
    if (!addresses.every(({ address }) => isPublicAddress(address))) throw new PrivateAddressError(hostname);
    // They are tried one after another; a name must not make this site knock at hundreds of doors.
    return addresses.slice(0, maxAddresses);
  });
}

/** The site's own lookup for a development instance, in the form that the caller asks for: one or all. */
export function uncheckedLookup(lookup: LookupFunction): LookupFunction {
  return answering((hostname) => resolveBy(lookup, hostname));
}

function answering(resolve: (hostname: string) => Promise<LookupAddress[]>): LookupFunction {
  return (hostname, options, callback) => {
    Promise.resolve(hostname)
      .then(resolve)
      .then((addresses) => {
        if (addresses.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
        return addresses as [LookupAddress, ...LookupAddress[]];
      })
      .then(
        ([first, ...rest]) => {
          if (options.all) callback(null, [first, ...rest]);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, ''),
      );
  };
}

/**
 * Some name servers lose the question for one kind, mostly AAAA. A browser would not wait for it either (RFC 8305,
 * section 3, has 50 ms); a slow but honest server is given more. Milliseconds after the first good answer.
 */
const graceMs = 250;

/**
 * Asks the DNS directly. `dns.lookup` would occupy one of the process's few worker threads for as long as
 * a slow name server likes, and with them every other lookup and file access of the site.
 * @param servers instead of this machine's own, as `address:port`
 */
export async function resolveByDNS(hostname: string, servers?: readonly string[]): Promise<LookupAddress[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (servers) resolver.setServers(servers);
  const found: LookupAddress[] = [];
  const take = (family: 4 | 6) => (addresses: readonly string[]) => {
    for (const address of addresses) found.push({ address, family });
  };
  const questions = [resolver.resolve4(hostname).then(take(4)), resolver.resolve6(hostname).then(take(6))];
  const both = Promise.allSettled(questions);
  let timer: NodeJS.Timeout | undefined;
  const aMomentAfterTheFirst = new Promise<void>((resolve) => {
    const begin = () => void (timer ??= setTimeout(resolve, graceMs));
    for (const question of questions) question.then(begin, () => undefined);
  });
  try {
    await Promise.race([both, aMomentAfterTheFirst]);
    if (found.length > 0) return found;
    throw (await both).find((result) => result.status === 'rejected')?.reason;
  } finally {
    clearTimeout(timer);
    resolver.cancel();
  }
}
