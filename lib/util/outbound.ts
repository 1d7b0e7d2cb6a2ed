/** What a site may set about requests to instances: the types, the defaults, and the checks that fail early. */

import type { Checks } from './checks.js';
import type { Bytes, LookupFunction } from './node-types.js';
import { parsedURL } from './url.js';

/** How requests to instances are made. */
export interface OutboundOptions {
  /** Time for one whole exchange: lookup, connection, redirects and body. Milliseconds; default 10 000. */
  timeoutMs?: number | undefined;
  /** Time for a whole login start, and for a whole completion, waiting included. Milliseconds; default 15 000. */
  loginTimeoutMs?: number | undefined;
  /** Most bytes of one answer, counted after decompression. Default 262 144; for the account itself 1 048 576. */
  maxResponseBytes?: number | undefined;
  /**
   * The only way out: every request leaves by CONNECT through this proxy, `'http://user:password@proxy.example:3128'`
   * (or https). Which addresses names lead to is then the proxy's business; `lookup` is not asked.
   */
  proxy?: string | undefined;
  /** Replaces name resolution, in the form of `dns.lookup`. What it answers is checked all the same. */
  lookup?: LookupFunction | undefined;
  /** Certificate authorities (PEM) trusted besides Node's own. */
  ca?: string | Bytes | ReadonlyArray<string | Bytes> | undefined;
  /**
   * Exact hosts of instances on the operator's own network, such as `['social.lan']`. Switches one rule off for them: their
   * names may resolve to private addresses. https, the default port and all other rules stay; set `ca` where the certificate
   * is from an authority of your own. Default: none.
   */
  privateInstances?: readonly string[] | undefined;
  /** Unknown instances being explored and registered with at the same time, in all. Default 64. */
  maxConcurrentStarts?: number | undefined;
  /** Logins being completed at the same time, in all. Default 256. */
  maxConcurrentCallbacks?: number | undefined;
  /** Logins being completed at the same time at one instance. Default 16. */
  maxConcurrentCallbacksPerInstance?: number | undefined;
  /** Requests that may wait for a free place; one more is refused at once. Default 1 024. */
  maxWaiting?: number | undefined;
  /** How long an instance that failed three times in a row is left alone. Milliseconds; default 10 000. */
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
  readonly proxy?: string;
  /** `https://social.lan` for each of `privateInstances`. */
  readonly privateOrigins: ReadonlySet<string>;
  /** Most bytes of an account: Pleroma keeps all of a client's settings there, 300 KB and more. */
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
  return {
    ...numbers,
    privateOrigins: checkedPrivateOrigins(checks, privateInstances),
    maxAccountBytes: options.maxResponseBytes ?? defaultAccountBytes,
    ...(lookup && { lookup }),
    ...(ca !== undefined && { ca: checkedAuthorities(checks, ca) }),
    ...(proxy !== undefined && { proxy: checkedProxy(checks, proxy) }),
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

/** Node.js accepts any text here, and ignores what is no certificate. */
function checkedAuthorities<CA extends string | Buffer | ReadonlyArray<string | Buffer>>(
  checks: Checks,
  ca: CA,
): CA {
  const all: readonly unknown[] = Array.isArray(ca) ? ca : [ca];
  const arePEM = all.every(
    (one) => (typeof one === 'string' || Buffer.isBuffer(one)) && one.includes('-----BEGIN'),
  );
  return arePEM ? ca : checks.fail('outbound.ca must be certificates in PEM, and not the names of files');
}

/** Its credentials are a secret, so what is at fault is not shown. */
function checkedProxy(checks: Checks, value: unknown): string {
  const url = typeof value === 'string' ? parsedURL(value) : undefined;
  const hasOnlyHost = url?.pathname === '/' && url.search === '' && url.hash === '';
  if (!url || !/^https?:$/.test(url.protocol) || !hasOnlyHost || !areReadable(url)) {
    checks.fail('outbound.proxy must be an http(s) URL such as "http://user:password@proxy.example:3128"');
  }
  return url.href;
}

/** A stray "%" in a password makes no percent-encoding; RFC 7617 has no colon in a user name. */
function areReadable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(password);
    return !decodeURIComponent(username).includes(':');
  } catch {
    return false;
  }
}
