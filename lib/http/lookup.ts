/** Name resolution that answers with public addresses or not at all. */

import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './addresses.js';
import { resolveByDNS } from './dns.js';

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
