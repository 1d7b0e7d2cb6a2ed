/** The options of every entry point: types, defaults and checks. */

import { checkStore, Checks, isLoopbackHost } from './util/checks.js';
import { eventLog, type EventLog, type LoginEvent, type Report, warnOnce } from './events.js';
import { checkedOutbound, type OutboundOptions, type OutboundSettings } from './util/outbound.js';
import { parsedURL } from './util/url.js';

export type { OutboundOptions, OutboundSettings };

/**
 * Stores client credentials and pending logins: any [Keyv](https://keyv.org) 5 or 6, or an object with these methods.
 * Each method may be async. Keys have at most 250 characters of `[A-Za-z0-9:._-]`. Values are plain JSON objects.
 * A method that fails throws or rejects. Then the login that needs the record fails with `store_failed`.
 * @example
 * const store: KeyValueStore = {
 *   get: async (key) => (await table.find(key))?.value,
 *   set: (key, value, ttl) => table.put(key, { value, expiresAt: ttl === undefined ? undefined : Date.now() + ttl }),
 *   delete: async (key) => (await table.remove(key)).count === 1,
 * };
 */
export interface KeyValueStore {
  /**
   * Returns a value equal to the last one that was set. Returns `undefined` or `null` if there is none, or if it has
   * expired.
   */
  get(key: string): unknown;
  /**
   * Stores a value for `ttl` milliseconds, or without `ttl` until it is deleted. Resolves when other processes can read
   * the value. Returns `false` if the value was not stored. Any other result, including `undefined`, means that it was
   * stored.
   */
  set(key: string, value: unknown, ttl?: number): unknown;
  /**
   * Removes a value. Returns `true` if the value existed, else `false`. If several processes delete one value, exactly
   * one of them receives `true`. A store that does not know returns `undefined`. Then a lock decides which process
   * takes a record, which adds about 0.3 seconds to the end of a login.
   */
  delete(key: string): unknown;
  /**
   * Optional. Locks a key atomically for all processes. Returns a function that releases the lock, or `undefined` if
   * another caller holds it. The lock ends after `ttl` milliseconds. Releasing it after that has no effect. Without
   * this method, a lock is a record that is written and read back, which takes about 0.3 seconds.
   */
  lock?(key: string, ttl: number): Promise<(() => unknown) | undefined>;
}

/** A discovered instance. Plain JSON. */
export interface Instance {
  /** Origin of the API: `https://mastodon.social`. All requests of the login are sent there. */
  readonly origin: string;
  /** Host of `origin`, with the port of a development instance. */
  readonly host: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Absent where the server identifies clients by URL. */
  readonly registrationEndpoint?: string;
  /**
   * Set where the server identifies clients by URL. The format of the client metadata document that the server fetches.
   */
  readonly clientMetadata?: 'html' | 'json';
  readonly revocationEndpoint?: string;
  /** Issuer identifier (RFC 8414), without the trailing slash. */
  readonly issuer: string;
  /** Whether the metadata promises an `iss` parameter in every authorization response (RFC 9207, section 3). */
  readonly promisesIssuer: boolean;
  readonly scopesSupported?: readonly string[];
  /** Name of the server software in lower case, as the server reports it. */
  readonly software?: string;
  /** Domain of the handles, as the server reports it. Unverified. */
  readonly accountDomain?: string;
  /** Set where the account is read with the Misskey API. Default: the Mastodon API. */
  readonly api?: 'misskey';
}

/** The members of an instance that an authorization response needs. */
export type PinnedInstance = Omit<
  Instance,
  'authorizationEndpoint' | 'registrationEndpoint' | 'scopesSupported'
>;

/** The options that all entry points share. */
export interface LoginOptions {
  /** Shown on the consent page; 1 to 60 characters. */
  clientName: string;
  /**
   * Absolute https URL without query or fragment. The instance's host replaces the segment `:instance`, or is appended as
   * one segment. Firewalls with the OWASP core rule set refuse paths that end in `.com`. Add a segment after `:instance`
   * to avoid that.
   * @example 'https://example.com/auth/mastodon/callback/:instance/done'
   */
  callbackURL: string;
  /**
   * URL of this site's client metadata, for servers that identify clients by URL (Misskey and its forks). An absolute
   * https URL without query or fragment. The instance's host is appended as one path segment. The entry point's
   * `clientMetadata` serves it. Default: such servers are refused.
   */
  clientMetadataURL?: string | undefined;
  /** The site's home page, shown on the consent page. */
  website?: string | undefined;
  /**
   * Any Keyv 5 or 6, or an object with `get`, `set` and `delete`. Default: a bounded Keyv in the memory of this
   * process.
   */
  store?: KeyValueStore | undefined;
  /** Scopes to request. Default: the smallest scope that reads the profile on that server. */
  scope?: string | readonly string[] | undefined;
  /** `User-Agent` header of every request. Default: name and version of this package, and `website`. */
  userAgent?: string | undefined;
  /**
   * Called before a request to a host, and again for the authorization response. Returns whether the host may be
   * contacted. Default: all hosts.
   */
  allowInstance?: ((host: string) => boolean | Promise<boolean>) | undefined;
  /** Limits, proxy, lookup and certificates of requests to instances. */
  outbound?: OutboundOptions | undefined;
  /**
   * Exact origins, such as `http://localhost:4000`, that are exempt from the https, port and address rules.
   * For development and tests. Default: none.
   */
  developmentInstances?: readonly string[] | undefined;
  /**
   * Receives each event, for the operator. Default: events are published only on the diagnostics channel
   * `passport-mastodon-oauth2`. That channel receives them in any case.
   */
  log?: LoginLog | undefined;
}

/** Receives one event. Errors and rejections of the function are ignored. */
export type LoginLog = EventLog<LoginEvent>;

/** The names of all shared options. */
export const loginOptionNames: readonly string[] = [
  'clientName',
  'callbackURL',
  'clientMetadataURL',
  'website',
  'store',
  'scope',
  'userAgent',
  'allowInstance',
  'outbound',
  'developmentInstances',
  'log',
] satisfies (keyof LoginOptions)[];

/** Options of one login. */
export interface BeginOptions {
  /** Request the login page even if the visitor is logged in at the instance. Default false. */
  forceLogin?: boolean | undefined;
  /** Language of the instance's pages (Mastodon 3.5 and later), such as `de`. */
  lang?: string | undefined;
  /**
   * Scopes of this login. Default: the option `scope`. Each set of scopes has its own app at the instance. A site can
   * use 16 sets.
   */
  scope?: string | readonly string[] | undefined;
  /** Any JSON value of at most 10,000 characters. The finished login contains it. */
  state?: unknown;
}

/** The options after defaults and checks. */
export interface Settings {
  readonly clientName: string;
  readonly callbackURL: string;
  readonly clientMetadataURL: string | undefined;
  readonly website: string | undefined;
  /** Requested scopes, separated by spaces. Undefined: the smallest scope that reads the profile. */
  readonly scope: string | undefined;
  readonly userAgent: string;
  /** Undefined: all hosts are allowed. */
  readonly allowInstance: ((host: string) => boolean | Promise<boolean>) | undefined;
  /** Origins exempt from the rule for public names: those of `developmentInstances` and `outbound.privateInstances`. */
  readonly developmentOrigins: ReadonlySet<string>;
  readonly outbound: OutboundSettings;
  readonly log: Report<LoginEvent>;
}

const { version } = require('../package.json') as { version: string };

/**
 * Checks the values of the options. The entry point checks the names.
 * @param checks names the entry point in errors
 * @throws TypeError that names the option at fault
 */
export function readOptions(options: LoginOptions, checks = new Checks('MastodonLogin')): Settings {
  const website = options.website === undefined ? undefined : checkedWebsite(checks, options.website);
  const userAgent =
    options.userAgent ?? `passport-mastodon-oauth2/${version}${website ? ` (+${website})` : ''}`;
  const outbound = checkedOutbound(checks, options.outbound ?? {});
  checkStore(checks, options.store);
  const callbackURL = checks.instanceURL('callbackURL', options.callbackURL);
  const { clientMetadataURL: given } = options;
  const clientMetadataURL = given === undefined ? undefined : checks.instanceURL('clientMetadataURL', given);
  // Other servers fetch this URL, so a loopback address is refused.
  if (clientMetadataURL?.startsWith('http:'))
    checks.wrong('clientMetadataURL', 'use https', clientMetadataURL);
  if (process.env.NODE_ENV === 'production') warnInProduction(checks, callbackURL, options.store);
  return {
    clientName: checkedClientName(checks, options.clientName),
    callbackURL,
    clientMetadataURL,
    website,
    scope: checkedScope(options.scope, checks),
    userAgent: checkedHeader(checks, 'userAgent', userAgent),
    allowInstance: checks.function('allowInstance', options.allowInstance),
    developmentOrigins: new Set([
      ...checkedOrigins(checks, options.developmentInstances ?? []),
      ...outbound.privateOrigins,
    ]),
    outbound,
    log: eventLog(checks.caller, checks.function('log', options.log)),
  };
}

function checkedClientName(checks: Checks, value: unknown): string {
  const name = checks.text('clientName', value);
  // Mastodon refuses longer names: 60 characters, counted as Ruby counts them. PostgreSQL stores no NUL.
  if ([...name].length > 60) checks.wrong('clientName', 'have at most 60 characters', name);
  if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(name)) {
    checks.wrong('clientName', 'have no control characters', name);
  }
  return name;
}

function checkedWebsite(checks: Checks, value: unknown): string {
  const text = checks.text('website', value);
  const url = parsedURL(text);
  if (!url || !/^https?:\/\//i.test(text) || /\p{Cc}/u.test(text)) {
    return checks.wrong('website', 'be an http(s) URL', text);
  }
  if (url.username || url.password) checks.wrong('website', 'have no credentials', text);
  // Servers compare the scheme as written. Headers need the ASCII form of international names.
  const website = url.href === `${text}/` ? text : url.href;
  return website.length <= 2000 ? website : checks.wrong('website', 'have at most 2000 characters', text);
}

/** Scopes that allow GET /api/v1/accounts/verify_credentials on servers that support them. */
const profileScopes: ReadonlySet<unknown> = new Set(['read', 'read:accounts', 'profile']);

/** @throws TypeError */
export function checkedScope(value: unknown, checks: Checks): string | undefined {
  if (value === undefined) return undefined;
  const scopes = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/\s+/) : [];
  const named = scopes.filter((scope) => scope !== '');
  // RFC 6749, section 3.3: printable ASCII but space, quote and backslash. No scope of any server has a comma.
  if (named.length === 0 || !named.every((s) => typeof s === 'string' && /^[!#-+\--[\]-~]+$/.test(s))) {
    const given = Array.isArray(value) ? value.join(' ') : value;
    checks.wrong('scope', "be names of scopes, as in 'read write' or ['read', 'write']", given);
  }
  if (!named.some((scope) => profileScopes.has(scope)))
    checks.wrong(
      'scope',
      `hold one that reads the profile (${[...profileScopes].join(', ')})`,
      named.join(' '),
    );
  return named.join(' ');
}

/** @param callbackURL checked by `Checks.baseURL`, so only a loopback URL uses http */
function warnInProduction({ caller }: Checks, callbackURL: string, store: unknown): void {
  const { hostname } = new URL(callbackURL);
  if (isLoopbackHost(hostname)) {
    warnOnce(
      'MASTODON_LOCAL_CALLBACK',
      `${caller}: NODE_ENV is production, and callbackURL is ${callbackURL}. Instances send visitors to that address on their ` +
        'own machines. Set callbackURL to the https address of this site.',
    );
  }
  if (store === undefined) {
    warnOnce(
      'MASTODON_STORE_IN_MEMORY',
      `${caller}: NODE_ENV is production, and there is no store. Registrations are kept in this process and lost when it ends; ` +
        'Mastodon allows one address five in ten minutes, so after a few restarts logins fail. A login also has to end in the ' +
        'process in which it began. Set the option store.',
    );
  }
}

function checkedOrigins(checks: Checks, value: unknown): ReadonlySet<string> {
  const name = 'developmentInstances';
  return new Set(
    checks.list(name, value).map((text: unknown) => {
      const url = typeof text === 'string' ? parsedURL(text) : undefined;
      const isHttp = url !== undefined && /^https?:$/.test(url.protocol);
      if (isHttp && url.origin === String(text).toLowerCase().replace(/\/$/, '')) return url.origin;
      return checks.wrong(name, 'hold origins such as "http://localhost:4000"', text);
    }),
  );
}

function checkedHeader(checks: Checks, name: string, value: unknown): string {
  const text = checks.text(name, value);
  return /^[\x20-\x7e]+$/.test(text) ? text : checks.wrong(name, 'be printable ASCII', text);
}
