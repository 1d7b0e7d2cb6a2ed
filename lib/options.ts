/** What a site may set: the types, the defaults, and the checks that fail early. */

import { checkStore, Checks, isLoopbackHost } from './util/checks.js';
import { eventLog, type EventLog, type LoginEvent, type Report } from './events.js';
import { checkedOutbound, type OutboundOptions, type OutboundSettings } from './util/outbound.js';
import { parsedURL } from './util/url.js';
import { warnOnce } from './util/warnings.js';

export type { OutboundOptions, OutboundSettings };

/**
 * Where client credentials and pending logins are kept: any [Keyv](https://keyv.org) 5 or 6, or an object with these
 * methods, each of which may be async. Keys are at most 250 characters of `[A-Za-z0-9:._-]`. Values are plain JSON
 * objects. A method that fails throws or rejects; then only the login that needs the record fails, with `store_failed`.
 * @example
 * const store: KeyValueStore = {
 *   get: async (key) => (await table.find(key))?.value,
 *   set: (key, value, ttl) => table.put(key, { value, expiresAt: ttl === undefined ? undefined : Date.now() + ttl }),
 *   delete: async (key) => (await table.remove(key)).count === 1,
 * };
 */
export interface KeyValueStore {
  /** Returns a value equal to the one that `set` was given last; `undefined` or `null` if there is none, or if its time is over. */
  get(key: string): unknown;
  /**
   * Keeps a value for `ttl` milliseconds, or without one until it is deleted. Resolves when other processes can read it.
   * Returns `false` if it was not kept; any other value, also `undefined`, means that it was.
   */
  set(key: string, value: unknown, ttl?: number): unknown;
  /**
   * Removes a value. Returns `true` if there was one, and `false` if there was none, so that of several processes exactly
   * one is told `true`. A store that cannot tell returns `undefined`; then a lock decides which process takes a record,
   * which adds about 0.3 seconds to the end of a login.
   */
  delete(key: string): unknown;
  /**
   * Optional. Locks a key in one step for all processes, and returns a function that releases the lock; `undefined` if
   * another caller holds it. After `ttl` milliseconds the lock ends by itself, and the function releases nothing. Without
   * this method a lock is a record that is written and read back, which takes about 0.3 seconds.
   */
  lock?(key: string, ttl: number): Promise<(() => unknown) | undefined>;
}

/** An instance whose API origin was found and pinned. Plain JSON. */
export interface Instance {
  /** `https://mastodon.social`: every request of the login goes there and nowhere else. */
  readonly origin: string;
  /** Host of `origin`, with the port of a development instance. */
  readonly host: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Absent where clients are known by URL. */
  readonly registrationEndpoint?: string;
  /** Present there: a client is known by a URL of its own, and this is the form of the document that the server fetches. */
  readonly clientMetadata?: 'html' | 'json';
  readonly revocationEndpoint?: string;
  /** Issuer identifier (RFC 8414), without the trailing slash. */
  readonly issuer: string;
  /** The metadata promises an `iss` parameter in every authorization response (RFC 9207, section 3). */
  readonly promisesIssuer: boolean;
  readonly scopesSupported?: readonly string[];
  /** Name of the server software in lower case, as the server tells it. */
  readonly software?: string;
  /** The domain of its handles, as the server tells it; a claim until proved. */
  readonly accountDomain?: string;
  /** Whose API tells about accounts, where it is not Mastodon's. */
  readonly api?: 'misskey';
}

/** What the second half of a login needs of an instance. */
export type PinnedInstance = Omit<
  Instance,
  'authorizationEndpoint' | 'registrationEndpoint' | 'scopesSupported'
>;

/** The options that every entry point passes on. */
export interface LoginOptions {
  /** Shown on the consent page; 1 to 60 characters. */
  clientName: string;
  /**
   * Absolute https URL without query or fragment. The instance's host takes the place of a segment `:instance`, or is appended
   * as one segment. Firewalls with the OWASP core rule set refuse paths that end in `.com`; a segment behind it helps.
   * @example 'https://example.com/auth/mastodon/callback/:instance/done'
   */
  callbackURL: string;
  /**
   * URL of this site's metadata for servers that know clients by URL (Misskey and its relatives): an absolute https URL without
   * query or fragment. The instance's host is appended as one path segment; `clientMetadata` of
   * the entry point serves it. Default: such servers are refused.
   */
  clientMetadataURL?: string | undefined;
  /** The site's home page, shown on the consent page. */
  website?: string | undefined;
  /** Any Keyv 5 or 6, or an object with `get`, `set` and `delete`. Default: a Keyv in this process's memory, bounded. */
  store?: KeyValueStore | undefined;
  /** Scopes to ask for. Default: the least that reads the profile on that server. */
  scope?: string | readonly string[] | undefined;
  /** `User-Agent` of every request. Default: this package, its version and `website`. */
  userAgent?: string | undefined;
  /** Asked before anything is sent to a host, and again when a login comes back. Default: all are. */
  allowInstance?: ((host: string) => boolean | Promise<boolean>) | undefined;
  /** Limits and ways of requests to instances. */
  outbound?: OutboundOptions | undefined;
  /**
   * Exact origins, such as `http://localhost:4000`, that are exempt from the https, port and address rules.
   * For development and tests. Default: none.
   */
  developmentInstances?: readonly string[] | undefined;
  /**
   * Receives each event, for the operator. The same events go to the diagnostics channel `passport-mastodon-oauth2`, which is
   * the default.
   */
  log?: LoginLog | undefined;
}

/** Takes one event. What it throws or rejects with is ignored. */
export type LoginLog = EventLog<LoginEvent>;

/** The names of all options of the engine. */
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

/** What may be said of one login as it begins. */
export interface BeginOptions {
  /** Ask the instance to show its login page even to someone who is logged in there. */
  forceLogin?: boolean | undefined;
  /** Language of the instance's pages (Mastodon 3.5 and later), such as `de`. */
  lang?: string | undefined;
  /** Scopes of this login. Default: the site's. Each set of scopes has an app of its own at the instance; a site may use 16 sets. */
  scope?: string | readonly string[] | undefined;
  /** Any JSON value of the application's, of at most 10,000 characters. Comes back with the login. */
  state?: unknown;
}

/** The options after defaults and checks. */
export interface Settings {
  readonly clientName: string;
  readonly callbackURL: string;
  readonly clientMetadataURL: string | undefined;
  readonly website: string | undefined;
  /** Scopes the site asked for, separated by spaces; undefined means the least that reads the profile. */
  readonly scope: string | undefined;
  readonly userAgent: string;
  /** Without one, every instance is. */
  readonly allowInstance: ((host: string) => boolean | Promise<boolean>) | undefined;
  /** Origins that need not have public names: those of `developmentInstances` and `outbound.privateInstances`. */
  readonly developmentOrigins: ReadonlySet<string>;
  readonly outbound: OutboundSettings;
  readonly log: Report<LoginEvent>;
}

const { version } = require('../package.json') as { version: string };

/**
 * The entry point checks the names of the options itself.
 * @param checks names the entry point in errors
 * @throws TypeError that names the option at fault.
 */
export function readOptions(options: LoginOptions, checks = new Checks('MastodonLogin')): Settings {
  checks.options(options, Object.keys(Object(options)));
  const website = options.website === undefined ? undefined : checkedWebsite(checks, options.website);
  const userAgent =
    options.userAgent ?? `passport-mastodon-oauth2/${version}${website ? ` (+${website})` : ''}`;
  const outbound = checkedOutbound(checks, options.outbound ?? {});
  checkStore(checks, options.store);
  const callbackURL = checks.instanceURL('callbackURL', options.callbackURL);
  if (process.env.NODE_ENV === 'production') warnInProduction(checks, callbackURL, options.store);
  return {
    clientName: checkedClientName(checks, options.clientName),
    callbackURL,
    clientMetadataURL:
      options.clientMetadataURL === undefined
        ? undefined
        : checkedClientURL(checks, options.clientMetadataURL),
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

/** Other servers fetch it, so that it is nothing on this machine. */
function checkedClientURL(checks: Checks, value: unknown): string {
  const url = checks.instanceURL('clientMetadataURL', value);
  return url.startsWith('https:') ? url : checks.wrong('clientMetadataURL', 'use https', url);
}

function checkedWebsite(checks: Checks, value: unknown): string {
  const text = checks.text('website', value);
  const url = parsedURL(text);
  if (!url || !/^https?:\/\//i.test(text) || /\p{Cc}/u.test(text)) {
    return checks.wrong('website', 'be an http(s) URL', text);
  }
  if (url.username || url.password) checks.wrong('website', 'have no credentials', text);
  // Servers compare the scheme as it is written, and an international name goes into headers in its ASCII form.
  const website = url.href === `${text}/` ? text : url.href;
  return website.length <= 2000 ? website : checks.wrong('website', 'have at most 2000 characters', text);
}

/** Each of them opens /api/v1/accounts/verify_credentials where the server has it. */
const profileScopes: ReadonlySet<unknown> = new Set(['read', 'read:accounts', 'profile']);

/** @throws TypeError */
export function checkedScope(value: unknown, checks = new Checks('MastodonLogin')): string | undefined {
  if (value === undefined) return undefined;
  const scopes = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/\s+/) : [];
  const named = scopes.filter((scope) => scope !== '');
  // RFC 6749, section 3.3: printable ASCII but space, quote and backslash. No scope of any server has a comma.
  if (named.length === 0 || !named.every((s) => typeof s === 'string' && /^[!#-+\--[\]-~]+$/.test(s))) {
    const given = Array.isArray(value) ? named.find((s) => !/^[!#-+\--[\]-~]+$/.test(String(s))) : value;
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

/** @param callbackURL over http on loopback only, which `Checks.baseURL` has seen to */
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
