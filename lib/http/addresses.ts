/** Decides which hosts and addresses may be contacted, and which hosts have one owner. */

import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import ipaddr from 'ipaddr.js';

const globalUnicastV6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** The NAT64 prefix (RFC 6052) with the IPv4 address at its end. RFC 8215's prefix has it at another position. */
const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/**
 * Whether an IP address is public. For an IPv6 address that embeds an IPv4 address (mapped, RFC 4291; NAT64, RFC 6052)
 * the embedded one decides. Invalid text is not public.
 */
export function isPublicAddress(text: string): boolean {
  const address = parsedAddress(text);
  if (!address) return false;
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast';
  if (address.match(nat64)) {
    return isPublicAddress(new ipaddr.IPv4(address.toByteArray().slice(-4)).toString());
  }
  // Only 2000::/3 is assigned for the internet (IANA IPv6 address space). The library gives special ranges within it
  // (documentation, 6to4, Teredo …) other names than unicast.
  return address.range() === 'unicast' && address.match(globalUnicastV6);
}

/** An IP address; the embedded one of a mapped address. */
function parsedAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // The library accepts more notations than Node.js, such as octal.
  return isIP(text) === 0 || !ipaddr.isValid(text) ? undefined : ipaddr.process(text);
}

/** Top-level names that are not on the public internet (RFC 6761, 6762, 7686, 8375; ICANN's "internal"). */
const privateSuffixes = ['localhost', 'local', 'internal', 'home.arpa', 'onion', 'alt'];

/**
 * Whether a host is a public DNS name with at least two labels. The host is normalised by the URL parser (lower case,
 * punycode). The parser writes all IPv4 notations as dotted decimals, so a numeric last label means an address.
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
 * Whether a URL may be requested. It uses https, the default port, a public name and no credentials, or its origin is
 * listed for development.
 */
export function isReachableURL(url: URL, developmentOrigins: ReadonlySet<string>): boolean {
  if (url.username !== '' || url.password !== '') return false;
  if (developmentOrigins.has(url.origin)) return true;
  return url.protocol === 'https:' && url.port === '' && isPublicHostname(url.hostname);
}

/**
 * Second-level names of countries that allow registrations below them: "co.uk", "com.au", "or.jp". In other countries
 * such a name has one owner, so its hosts count together.
 */
const publicSecondLevel =
  /\.(?:(?:ac|co|gov|ltd|me|net|org|plc|sch)\.uk|(?:ac|co|go|ne|or)\.(?:jp|kr|th)|(?:ac|co|net|org)\.(?:nz|za|il|in|id|ke|ug|zw)|(?:com|edu|gov|net|org)\.(?:au|ar|bd|br|cn|co|eg|hk|mx|my|ng|pe|ph|pk|pl|sa|sg|tr|tw|ua|vn)|(?:co|or)\.at|com\.es)$/;

/**
 * The registrable domain of a host: `example.co.uk` for `a.b.example.co.uk:8443`. Its owner can create any number of
 * hosts. For "localhost" and addresses, which only development instances have, it is host and port.
 *
 * This is an estimate. With the public suffix list, each name at a dynamic DNS service would be a separate domain, and
 * an attacker can get any number of such names for free. IP addresses are unsuitable too: behind a CDN, an attacker may
 * share the address of the victim.
 */
export function domainOf(host: string): string {
  const name = host.replace(/:\d+$/, '');
  if (!name.includes('.') || /\.\d+$/.test(name)) return host;
  return name
    .split('.')
    .slice(publicSecondLevel.test(name) ? -3 : -2)
    .join('.');
}

/** A URL or a resolved address that is not public, so it must not be contacted. */
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

/** Maximum number of addresses of one name. */
const maxAddresses = 8;

type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** A lookup that checks addresses by DNS, or by the site's own lookup. A name with one private address is refused. */
export function publicLookup(lookup?: LookupFunction): LookupFunction {
  return checkedLookup(lookup ? resolverOf(lookup) : resolveByDNS, isPublicAddress);
}

/**
 * A lookup for a server on the site's own network. By default it uses the operating system, which reads `/etc/hosts`.
 * It accepts public, private and loopback addresses, but not those of cloud metadata services.
 */
export function privateLookup(lookup: LookupFunction = dnsLookup): LookupFunction {
  return checkedLookup(resolverOf(lookup), (text) => isPublicAddress(text) || isPrivateAddress(text));
}

/** The site's lookup for a development instance, with one or all addresses as the caller requests. */
export function uncheckedLookup(lookup: LookupFunction): LookupFunction {
  return checkedLookup(resolverOf(lookup), () => true);
}

/** Metadata services of Alibaba, Amazon and Google. Those of other clouds have link-local addresses. */
const metadataServices: ReadonlySet<string> = new Set(['100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254']);

function isPrivateAddress(text: string): boolean {
  const address = parsedAddress(text);
  if (!address || metadataServices.has(address.toString())) return false;
  return ['private', 'uniqueLocal', 'loopback', 'carrierGradeNat'].includes(address.range());
}

/**
 * A lookup for `net.connect`. It runs inside the connection attempt, so the checked addresses are the ones that are
 * contacted (DNS rebinding).
 */
function checkedLookup(resolve: Resolve, isAllowed: (address: string) => boolean): LookupFunction {
  const addressesOf = async (hostname: string) => {
    const addresses = await resolve(hostname);
    const refused = addresses.find(({ address }) => !isAllowed(address));
    if (refused) throw new NotPublicError(hostname, refused.address);
    // Addresses are tried one after another. The limit prevents hundreds of connections for one name.
    const [first, ...others] = addresses.slice(0, maxAddresses);
    if (!first) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
    return [first, ...others] as const;
  };
  return (hostname, options, callback) => {
    addressesOf(hostname).then(
      (addresses) => {
        if (options.all) callback(null, [...addresses]);
        else callback(null, addresses[0].address, addresses[0].family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

function resolverOf(lookup: LookupFunction): Resolve {
  return (hostname) =>
    new Promise((resolve, reject) => {
      lookup(hostname, { all: true }, (error, address, family) => {
        if (error) reject(error);
        else if (Array.isArray(address)) resolve(address);
        else resolve([{ address, family: family ?? (address.includes(':') ? 6 : 4) }]);
      });
    });
}

/**
 * Time to wait for the other address family after the first answer. Some name servers do not answer for one of them,
 * mostly AAAA. RFC 8305, section 3, recommends 50 ms. Milliseconds.
 */
const graceMs = 250;

/**
 * Resolves a name by DNS. `dns.lookup` would occupy one of the few worker threads while a name server is slow, and
 * block other lookups and file accesses of the site.
 * @param servers instead of the configured ones, as `address:port`
 */
export async function resolveByDNS(hostname: string, servers?: readonly string[]): Promise<LookupAddress[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (servers) resolver.setServers(servers);
  const found: LookupAddress[] = [];
  const take = (family: 4 | 6) => (addresses: readonly string[]) => {
    for (const address of addresses) found.push({ address, family });
  };
  const queries = [resolver.resolve4(hostname).then(take(4)), resolver.resolve6(hostname).then(take(6))];
  try {
    await Promise.any(queries);
    await Promise.race([Promise.allSettled(queries), pause(graceMs, undefined, { ref: false })]);
    return found;
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    resolver.cancel();
  }
}
