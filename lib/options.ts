/** What a site may set: the types, the defaults, and the checks that fail early. */

import { Checks, isBeingBuilt } from './util/checks.js';
import { eventLog, type EventLog } from './events.js';
import { checkedOutbound, type OutboundOptions, type OutboundSettings } from './outbound.js';
import { parsedURL } from './util/url.js';

export type { OutboundOptions, OutboundSettings };

/**
 * Where client credentials and begun logins are kept. Any Keyv (5 or 6) fits, and so does anything that
 * has these three methods. Values are plain JSON objects; keys consist of `[A-Za-z0-9:._-]`.
 */
export interface KeyValueStore {
  get(key: string): unknown;
  /** `ttl` is in milliseconds. Answering `false`, or rejecting, means that nothing was written. */
  set(key: string, value: unknown, ttl?: number): unknown;
  /** Answering `false` means that there was nothing to delete; that makes logins single-use across processes. */
  delete(key: string): unknown;
  /**
   * Optional, for a store that several processes share: with it, one of them registers at an instance and the others
   * wait no longer than that takes. Takes the key for its caller alone, in one step for all processes, and resolves to
   * what releases it; resolves to `undefined` where somebody has it. After `ttl` milliseconds it is free by itself, and
   * its former holder releases nothing.
   */
  lock?(key: string, ttl: number): Promise<(() => unknown) | undefined>;
}

/** A login that was begun: everything the callback is held against, and no more, as anybody begins many. Plain JSON. */
export interface LoginTransaction {
  readonly instance: PinnedInstance;
  /** For whom it was begun: another site or strategy that shares the store must not finish it. */
  readonly audience: string;
  /** The person wrote the instance's name in its own script, and is told about it so. */
  readonly isInItsScript?: true;
  readonly clientId: string;
  /** Names the stored credentials that `clientId` belongs to. */
  readonly credentialsKey: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** PKCE code verifier (RFC 7636, section 4.1). */
  readonly codeVerifier: string;
  /** The application's own state, given to `passport.authenticate`. */
  readonly applicationState?: unknown;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** An instance whose API origin was found and pinned. Plain JSON. */
export interface Instance {
  /** `https://mastodon.social`: every request of the login goes there and nowhere else. */
  readonly origin: string;
  /** Host of `origin`, with the port of a development instance. */
  readonly host: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Absent where nobody is registered. */
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

/** What every door asks of the engine. */
export interface LoginOptions {
  /** Shown on the consent page; 1 to 60 characters. */
  clientName: string;
  /** Absolute https URL without query or fragment. The instance's host is appended as one path segment. */
  callbackURL: string;
  /**
   * Where servers that register nobody (Misskey and its relatives) find out about this site: absolute https URL without
   * query or fragment. The instance's host is appended as one path segment; what is served there is the door's
   * `clientMetadata`. Default: such servers are refused.
   */
  clientMetadataURL?: string | undefined;
  /** The site's home page, shown on the consent page. */
  website?: string | undefined;
  /** Any Keyv 5 or 6, or `{ get, set, delete }`. Default: in this process's memory. */
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
   * Told what happens, for the operator; so is the process's diagnostics channel `passport-mastodon-oauth2`. Default: only
   * that channel.
   */
  log?: LoginLog | undefined;
}

/**
 * Takes one line about something that happened: `begun`, `finished`, `refused` (with `code` and `cause`), `failed`,
 * `registered`, `request`. `fields` hold no secret, and no more of a person than their server.
 */
export type LoginLog = (event: string, fields: Readonly<Record<string, unknown>>) => void;

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
  /** Any JSON value of the application's. Comes back with the login. */
  state?: unknown;
}

export const beginOptionNames: readonly string[] = [
  'forceLogin',
  'lang',
  'state',
] satisfies (keyof BeginOptions)[];

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
  readonly developmentOrigins: ReadonlySet<string>;
  readonly outbound: OutboundSettings;
  readonly log: LoginLog;
}

const { version } = require('../package.json') as { version: string };

/**
 * Which options there are is known to the door that the site has called; it checks that itself.
 * @param checks name the door
 * @throws TypeError that names the option at fault.
 */
export function readOptions(options: LoginOptions, checks = new Checks('MastodonLogin')): Settings {
  checks.options(options, Object.keys(Object(options)));
  const website = options.website === undefined ? undefined : checkedWebsite(checks, options.website);
  const userAgent =
    options.userAgent ?? `passport-mastodon-oauth2/${version}${website ? ` (+${website})` : ''}`;
  checkStore(checks, options.store);
  if (options.store === undefined) warnOfForgetting(checks);
  if (options.store instanceof Map) warnOfHoarding(checks, options.store);
  return {
    clientName: checkedClientName(checks, options.clientName),
    callbackURL: checks.baseURL('callbackURL', options.callbackURL),
    clientMetadataURL:
      options.clientMetadataURL === undefined
        ? undefined
        : checkedClientURL(checks, options.clientMetadataURL),
    website,
    scope: checkedScope(checks, options.scope),
    userAgent: checkedHeader(checks, 'userAgent', userAgent),
    allowInstance: checks.function('allowInstance', options.allowInstance),
    developmentOrigins: checkedOrigins(checks, options.developmentInstances ?? []),
    outbound: checkedOutbound(checks, options.outbound ?? {}),
    log: eventLog(checks.caller, checks.function('log', options.log) as EventLog | undefined),
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
  const url = checks.baseURL('clientMetadataURL', value);
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

function checkedScope(checks: Checks, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const scopes = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/\s+/) : [];
  const named = scopes.filter((scope) => scope !== '');
  // RFC 6749, section 3.3: printable ASCII but space, quote and backslash. No scope of any server has a comma.
  if (named.length === 0 || !named.every((s) => typeof s === 'string' && /^[!#-+\--[\]-~]+$/.test(s))) {
    const given = Array.isArray(value) ? named.find((s) => !/^[!#-+\--[\]-~]+$/.test(String(s))) : value;
    checks.wrong('scope', "be names of scopes, as in 'read write' or ['read', 'write']", given);
  }
  return named.join(' ');
}

/** @throws TypeError */
export function checkStore(checks: Checks, value: unknown): void {
  if (value === undefined) return;
  // Its value is not shown: there may be a password in it.
  if (typeof value === 'string' || value instanceof URL) {
    checks.fail(
      'store must not be an address: pass a Keyv, or redisStore(client) of passport-mastodon-oauth2/stores',
    );
  }
  const { sendCommand, get, set, del, delete: remove } = Object(value) as Record<string, unknown>;
  if ([sendCommand, get, set, del].every((method) => typeof method === 'function') && remove === undefined) {
    checks.fail(
      'store must not be a client of Redis: pass redisStore(client) of passport-mastodon-oauth2/stores',
    );
  }
  checks.methods('store', value as KeyValueStore, ['get', 'set', 'delete']);
}

const hoarding = new WeakSet<object>();

/** It has the methods, and takes no notice of the time to live: told while the site is being built. */
function warnOfHoarding({ caller }: Checks, store: object): void {
  // Subclasses may forget. An issuer's options are read twice.
  if (!isBeingBuilt() || store.constructor !== Map || hoarding.has(store)) return;
  hoarding.add(store);
  process.emitWarning(
    `${caller}: store is a Map, which forgets nothing, so that each login that is begun stays in memory. For memory leave the ` +
      'option out; for what outlives the process pass a Keyv on a database.',
    { code: 'MASTODON_STORE_NEVER_FORGETS' },
  );
}

function warnOfForgetting({ caller }: Checks): void {
  if (process.env.NODE_ENV !== 'production') return;
  process.emitWarning(
    `${caller}: without the option store, registrations are kept in this process alone, and lost with it. ` +
      'Mastodon takes five in ten minutes from one address: after a few restarts nobody can log in. And a login ends in ' +
      'the process in which it began, or not at all: not in another worker, nor after a restart, nor serverless.',
    { code: 'MASTODON_STORE_IN_MEMORY' },
  );
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
