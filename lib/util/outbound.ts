/** The options of requests to instances: types, defaults and checks. */

import type { Checks } from './checks.js';
import type { Bytes, LookupFunction } from './node-types.js';
import { parsedURL } from './url.js';

/** Options of requests to instances. */
export interface OutboundOptions {
  /** Time limit of one request, including lookup, connection, redirects and body. Milliseconds; default 10 000. */
  timeoutMs?: number | undefined;
  /** Time limit of the start of a login, and of its end, including waiting. Milliseconds; default 15 000. */
  loginTimeoutMs?: number | undefined;
  /** Maximum size of a response after decompression. Bytes; default 262 144. For the account 1 048 576. */
  maxResponseBytes?: number | undefined;
  /**
   * A proxy that receives all requests by CONNECT: `'http://user:password@proxy.example:3128'` (or https). The proxy
   * resolves the names, so it decides about addresses. `lookup` is not called. Default: no proxy.
   */
  proxy?: string | undefined;
  /**
   * Replaces name resolution, with the signature of `dns.lookup`. The address rules apply to its results. Default: DNS.
   */
  lookup?: LookupFunction | undefined;
  /** Certificate authorities (PEM), in addition to those of Node.js. */
  ca?: string | Bytes | ReadonlyArray<string | Bytes> | undefined;
  /**
   * Exact hosts of instances on the operator's own network, such as `['social.lan']`. Their names may resolve to
   * private addresses. All other rules apply, including https and the default port. Set `ca` if the certificate is from
   * your own authority. Default: none.
   */
  privateInstances?: readonly string[] | undefined;
  /** Concurrent discoveries and registrations. Default 64. */
  maxConcurrentStarts?: number | undefined;
  /** Concurrent ends of logins. Default 256. */
  maxConcurrentCallbacks?: number | undefined;
  /** Concurrent ends of logins at one instance. Default 16. */
  maxConcurrentCallbacksPerInstance?: number | undefined;
  /** Maximum number of waiting logins; further ones are refused. Default 1 024. */
  maxWaiting?: number | undefined;
  /** How long no request is sent to an instance that failed three times in a row. Milliseconds; default 10 000. */
  failureCooldownMs?: number | undefined;
}

const defaults = {
  timeoutMs: 10_000,
  loginTimeoutMs: 15_000,
  maxResponseBytes: 262_144,
  maxConcurrentStarts: 64,
  maxConcurrentCallbacks: 256,
  maxConcurrentCallbacksPerInstance: 16,
  maxWaiting: 1024,
  failureCooldownMs: 10_000,
};

/** The options after defaults and checks. */
export interface OutboundSettings extends Readonly<typeof defaults> {
  readonly lookup?: LookupFunction;
  readonly ca?: Exclude<OutboundOptions['ca'], undefined>;
  /** Returns the URL. A function, so that printing the settings does not show the URL's credentials. */
  readonly proxy?: () => string;
  /** `https://social.lan` for each of `privateInstances`. */
  readonly privateOrigins: ReadonlySet<string>;
  /** Maximum size of an account. Pleroma stores all settings of its client there, 300 KB and more. Bytes. */
  readonly maxAccountBytes: number;
}

const defaultAccountBytes = 1_048_576;

const names = [...Object.keys(defaults), 'lookup', 'ca', 'proxy', 'privateInstances'];

/** @throws TypeError that names the option at fault. */
export function checkedOutbound(checks: Checks, options: OutboundOptions): OutboundSettings {
  checks.options(options, names, 'outbound', 'option outbound.');
  const numbers = Object.fromEntries(
    Object.entries(defaults).map(([name, byDefault]) => {
      const value = options[name as keyof typeof defaults] ?? byDefault;
      return [name, checks.wholeNumber(`outbound.${name}`, value)];
    }),
  ) as typeof defaults;
  const lookup = checks.function('outbound.lookup', options.lookup);
  const { ca, proxy, privateInstances = [] } = options;
  const proxyURL = proxy === undefined ? undefined : checkedProxy(checks, proxy);
  return {
    ...numbers,
    privateOrigins: checkedPrivateOrigins(checks, privateInstances),
    maxAccountBytes: options.maxResponseBytes ?? defaultAccountBytes,
    ...(lookup && { lookup }),
    ...(ca !== undefined && { ca: checkedAuthorities(checks, ca) }),
    ...(proxyURL !== undefined && { proxy: () => proxyURL }),
  };
}

function checkedPrivateOrigins(checks: Checks, value: unknown): ReadonlySet<string> {
  const name = 'outbound.privateInstances';
  return new Set(
    checks.list(name, value).map((host) => {
      const url = typeof host === 'string' ? parsedURL(`https://${host}`) : undefined;
      if (url && url.host === host && /^[a-z0-9.-]*[a-z][a-z0-9-]*$/.test(url.host)) return url.origin;
      return checks.wrong(
        name,
        'hold host names such as "social.lan", without scheme, port or address',
        host,
      );
    }),
  );
}

/** Checks certificate authorities. Node.js accepts any text here, and ignores text without a certificate. */
function checkedAuthorities<CA>(checks: Checks, ca: CA): CA {
  const all: readonly unknown[] = Array.isArray(ca) ? ca : [ca];
  const arePEM = all.every(
    (one) => (typeof one === 'string' || Buffer.isBuffer(one)) && one.includes('-----BEGIN'),
  );
  return arePEM ? ca : checks.fail('outbound.ca must be certificates in PEM, and not the names of files');
}

/** Checks the proxy URL. Messages do not show it, because it contains credentials. */
function checkedProxy(checks: Checks, value: unknown): string {
  const url = typeof value === 'string' ? parsedURL(value) : undefined;
  const hasOnlyHost = url?.pathname === '/' && url.search === '' && url.hash === '';
  if (!url || !/^https?:$/.test(url.protocol) || !hasOnlyHost || !areReadable(url)) {
    checks.fail('outbound.proxy must be an http(s) URL such as "http://user:password@proxy.example:3128"');
  }
  return url.href;
}

/**
 * Whether the credentials can be decoded. A single "%" is invalid percent-encoding. RFC 7617 forbids a colon in a user
 * name.
 */
function areReadable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(password);
    return !decodeURIComponent(username).includes(':');
  } catch {
    return false;
  }
}
