/** What a site may set: the types, the defaults, and the checks that fail early. */

import { checkedOutbound, type OutboundOptions, type OutboundSettings } from './outbound.js';

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
}

/** A login that was begun: everything the callback is held against, and no more, as anybody begins many. Plain JSON. */
export interface LoginTransaction {
  readonly instance: PinnedInstance;
  /** For whom it was begun: another site or strategy that shares the store must not finish it. */
  readonly audience: string;
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
  readonly registrationEndpoint: string;
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
  outbound?: OutboundOptions | undefined;
  /**
   * Exact origins, such as `http://localhost:4000`, that are exempt from the https, port and address rules.
   * For development and tests. Default: none.
   */
  developmentInstances?: readonly string[] | undefined;
}

/** What may be said of one login as it begins. */
export interface BeginOptions {
  /** Ask the instance to show its login page even to someone who is logged in there. */
  forceLogin?: boolean | undefined;
  /** Language of the instance's pages (Mastodon 3.5 and later), such as `de`. */
  lang?: string | undefined;
  /** Any JSON value of the application's. Comes back with the login. */
  state?: unknown;
}

/** The options after defaults and checks. */
export interface Settings {
  readonly clientName: string;
  readonly callbackURL: string;
  readonly website: string | undefined;
  /** Scopes the site asked for, separated by spaces; undefined means the least that reads the profile. */
  readonly scope: string | undefined;
  readonly userAgent: string;
  readonly allowInstance: (host: string) => boolean | Promise<boolean>;
  readonly developmentOrigins: ReadonlySet<string>;
  readonly outbound: OutboundSettings;
  /** Told of what happens; never a secret. */
  readonly log?: ((event: string, fields: Readonly<Record<string, unknown>>) => void) | undefined;
}

const { version } = require('../package.json') as { version: string };

/** @throws TypeError that names the option at fault. */
export function readOptions(options: LoginOptions): Settings {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('MastodonStrategy requires options');
  const website = options.website === undefined ? undefined : checkedWebsite(options.website);
  return {
    clientName: checkedClientName(options.clientName),
    callbackURL: checkedCallbackURL(options.callbackURL),
    website,
    scope: checkedScope(options.scope),
    userAgent: checkedHeader(
      'userAgent',
      options.userAgent ?? `passport-mastodon-oauth2/${version}${website ? ` (+${website})` : ''}`,
    ),
    allowInstance: checkedFunction('allowInstance', options.allowInstance) ?? (() => true),
    developmentOrigins: checkedOrigins(options.developmentInstances ?? []),
    outbound: checkedOutbound(options.outbound ?? {}),
  };
}

/** Whether the host names this machine, where a browser treats http like https (W3C Secure Contexts, 3.1). */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

function checkedClientName(value: unknown): string {
  const name = checkedText('clientName', value);
  // Mastodon refuses longer names: 60 characters, counted as Ruby counts them.
  if ([...name].length > 60) throw new TypeError('MastodonStrategy: clientName has more than 60 characters');
  return name;
}

function checkedCallbackURL(value: unknown): string {
  const text = checkedText('callbackURL', value);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:\/\//i.test(text)) {
    throw new TypeError('MastodonStrategy: callbackURL must be an absolute URL');
  }
  if (url.protocol !== 'https:' && !isLoopbackHost(url.hostname)) {
    throw new TypeError('MastodonStrategy: callbackURL must use https, except on loopback');
  }
  if (url.search || url.hash || url.username || url.password || /[?#]/.test(text)) {
    throw new TypeError('MastodonStrategy: callbackURL must have no query, fragment or credentials');
  }
  if (url.href.includes('%')) {
    throw new TypeError('MastodonStrategy: callbackURL must need no percent-encoding');
  }
  // Mastodon takes at most 2000 characters of redirect URIs; a host has at most 253.
  if (url.href.length > 1700) throw new TypeError('MastodonStrategy: callbackURL is too long');
  return url.href.replace(/\/+$/, '');
}

function checkedWebsite(value: unknown): string {
  const text = checkedText('website', value);
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text) || text.length > 2000) {
    throw new TypeError('MastodonStrategy: website must be an http(s) URL of at most 2000 characters');
  }
  // An international name goes into headers and forms in its ASCII form.
  return /^[\x21-\x7e]+$/.test(text) ? text : new URL(text).href;
}

function checkedScope(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const scopes = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/\s+/) : [];
  const named = scopes.filter((scope) => scope !== '');
  // RFC 6749, section 3.3: printable ASCII but space, quote and backslash.
  if (named.length === 0 || !named.every((s) => typeof s === 'string' && /^[!#-[\]-~]+$/.test(s))) {
    throw new TypeError('MastodonStrategy: scope must be a string or an array of scope names');
  }
  return named.join(' ');
}

function checkedOrigins(value: unknown): ReadonlySet<string> {
  if (!Array.isArray(value)) throw new TypeError('MastodonStrategy: developmentInstances must be an array');
  return new Set(
    value.map((text: unknown) => {
      const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
      if (
        !url ||
        !/^https?:$/.test(url.protocol) ||
        url.origin !== String(text).toLowerCase().replace(/\/$/, '')
      ) {
        throw new TypeError(
          'MastodonStrategy: developmentInstances must hold origins such as "http://localhost:4000"',
        );
      }
      return url.origin;
    }),
  );
}

export function checkedText(name: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new TypeError(`MastodonStrategy requires a ${name} option`);
}

function checkedHeader(name: string, value: unknown): string {
  const text = checkedText(name, value);
  if (!/^[\x20-\x7e]+$/.test(text)) throw new TypeError(`MastodonStrategy: ${name} must be printable ASCII`);
  return text;
}

function checkedFunction<F>(name: string, value: F | undefined): F | undefined {
  if (value === undefined || typeof value === 'function') return value;
  throw new TypeError(`MastodonStrategy: ${name} must be a function`);
}
