/** Which hosts and addresses may be contacted when a stranger names them, and which of them have one owner. */

import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

const globalUnicastV6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** The only NAT64 prefix (RFC 6052) with the IPv4 address at its end; that of RFC 8215 hides it elsewhere. */
const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/**
 * Whether an IP address belongs to the public internet. IPv6 addresses that embed an IPv4 address
 * (mapped, RFC 4291; NAT64, RFC 6052) are judged by the embedded one. Anything unreadable is not public.
 */
export function isPublicAddress(text: string): boolean {
  // The library reads more spellings than the connection does, octal ones for example.
  if (isIP(text) === 0 || !ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast';
  if (address.isIPv4MappedAddress()) return isPublicAddress(address.toIPv4Address().toString());
  if (address.match(nat64)) {
    return isPublicAddress(new ipaddr.IPv4(address.toByteArray().slice(-4)).toString());
  }
  // Only 2000::/3 is assigned for the internet (IANA IPv6 address space); ranges the library knows to be
  // special within it (documentation, 6to4, Teredo …) are named something other than unicast.
  return address.range() === 'unicast' && address.match(globalUnicastV6);
}

/** Names that lead nowhere on the public internet (RFC 6761, 6762, 7686, 8375; ICANN's "internal"). */
const privateSuffixes = ['localhost', 'local', 'internal', 'home.arpa', 'onion', 'alt'];

/**
 * Whether a host, as the URL parser writes it (lower case, punycode), is a public DNS name with at least
 * two labels. The URL parser has already turned every spelling of an IPv4 address into dotted decimals,
 * so a numeric last label is an address.
 */
export function isPublicHostname(host: string): boolean {
  if (host.length > 253) return false;
  const labels = host.split('.');
  if (labels.length < 2) return false;
  if (!labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label))) return false;
  if (/\.\d+$/.test(host)) return false;
  return !privateSuffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
}

/**
 * Whether a URL may be requested at all: https on the default port of a public name, without
 * credentials; or one of the origins listed for development.
 */
export function isReachableURL(url: URL, developmentOrigins: ReadonlySet<string>): boolean {
  if (url.username !== '' || url.password !== '') return false;
  if (developmentOrigins.has(url.origin)) return true;
  return url.protocol === 'https:' && url.port === '' && isPublicHostname(url.hostname);
}

/**
 * Names below which countries let people register: "co.uk", "com.au", "or.jp". In other countries such a name has one owner,
 * whose hosts must count together.
 */
const belowShared =
  /\.(?:(?:ac|co|gov|ltd|me|net|org|plc|sch)\.uk|(?:ac|co|go|ne|or)\.(?:jp|kr|th)|(?:ac|co|net|org)\.(?:nz|za|il|in|id|ke|ug|zw)|(?:com|edu|gov|net|org)\.(?:au|ar|bd|br|cn|co|eg|hk|mx|my|ng|pe|ph|pk|pl|sa|sg|tr|tw|ua|vn)|(?:co|or)\.at|com\.es)$/;

/**
 * The registrable domain of a host, whose owner can make up any number of hosts: `example.co.uk` for
 * `a.b.example.co.uk:8443`. For "localhost" and addresses, which only development instances have, it is host and port.
 *
 * An estimate. The public suffix list would give each name at a dynamic DNS service an owner of its own, and such names are
 * free and without number. Addresses would not do: behind a CDN, an attacker could share the victim's.
 */
export function domainOf(host: string): string {
  const name = host.replace(/:\d+$/, '');
  if (!name.includes('.') || /\.\d+$/.test(name)) return host;
  return name
    .split('.')
    .slice(belowShared.test(name) ? -3 : -2)
    .join('.');
}

/** A URL, or an address behind a name, that a stranger must not make this site connect to. */
export class NotPublicError extends Error {
  readonly code = 'EPRIVATE';
  constructor(host: string, address?: string) {
    super(
      (address === undefined
        ? `${host} is not a public name with https on the default port`
        : `${host} resolves to ${address}, which is not a public address`) +
        '; a server on your own network needs the option outbound.privateInstances',
    );
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
    const inner = addresses.find(({ address }) => !isPublicAddress(address));
    if (inner) throw new NotPublicError(hostname, inner.address);
    // They are tried one after another: a name must not cause hundreds of connections.
    return addresses.slice(0, maxAddresses);
  });
}

/**
 * A lookup for a server on the site's own network, by default that of the operating system, which reads `/etc/hosts`. Besides
 * public addresses it accepts those of private networks and of this machine, and no other: not those of a cloud's metadata.
 */
export function privateLookup(lookup: LookupFunction = dnsLookup): LookupFunction {
  return answering(async (hostname) => {
    const addresses = await resolveBy(lookup, hostname);
    const other = addresses.find(({ address }) => !isPublicAddress(address) && !isPrivateAddress(address));
    if (other) throw new NotPublicError(hostname, other.address);
    return addresses;
  });
}

function isPrivateAddress(text: string): boolean {
  if (isIP(text) === 0 || !ipaddr.isValid(text)) return false;
  return ['private', 'uniqueLocal', 'loopback', 'carrierGradeNat'].includes(ipaddr.process(text).range());
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
