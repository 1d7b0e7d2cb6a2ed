/**
 * Binds a login to the browser that began it: its secret keys, and the refusal of requests that its visitor did not make.
 */

import { randomBytes } from 'node:crypto';
import { MastodonError } from '../errors.js';
import { isDevelopment, warnOnce } from '../events.js';
import { parsedURL } from '../util/url.js';

/** Time limit of a pending login. Milliseconds. */
export const loginTtlMs = 10 * 60 * 1000;

/** 256 random bits as 43 characters of `[A-Za-z0-9_-]`. Some servers put `state` into a URL without escaping it. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

export function isState(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}

/** Whether a text looks like a random key. Browsers that share a key could finish each other's logins. */
export function isSecretKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\w+/=-]{22,128}$/.test(value) && new Set(value).size >= 8;
}

/** A key that can finish the logins that it began, and cannot begin others. */
export interface FormerKey {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface BrowserKeys {
  /** The key that begins logins. Undefined for a browser without one. */
  readonly current: string | undefined;
  readonly former: readonly FormerKey[];
}

/** Limits the size of the cookie that stores the keys. Few browsers finish more logins within `loginTtlMs`. */
const maxFormerKeys = 3;

/** The former keys after a login with the current key. Each is valid for `loginTtlMs`. */
export function formerAfterLogin({ current, former }: BrowserKeys): FormerKey[] {
  const ended = current === undefined ? [] : [{ key: current, until: Date.now() + loginTtlMs }];
  return [...ended, ...former].slice(0, maxFormerKeys);
}

/** All keys, the current one first. */
export function allKeys({ current, former }: BrowserKeys): string[] {
  return [current, ...former.map(({ key }) => key)].filter((key) => key !== undefined);
}

export function writeFormer({ key, until }: FormerKey): string {
  return `${key}.${until}`;
}

/**
 * Parses former keys from a cookie. Drops expired keys, and keys that expire later than this package allows; the clock of
 * another process may be ahead by as long as a key is valid. Keeps at most `maxFormerKeys`: an attacker can write the
 * cookie, and each key causes a read of the store.
 */
export function readFormer(texts: readonly string[]): FormerKey[] {
  const now = Date.now();
  return texts.slice(0, maxFormerKeys).flatMap((text) => {
    const [key = '', time = ''] = text.split('.', 2);
    const until = /^\d{1,15}$/.test(time) ? Number(time) : 0;
    return isSecretKey(key) && until > now && until <= now + 2 * loginTtlMs ? [{ key, until }] : [];
  });
}

/**
 * - `unknown`: no pending login has the state.
 * - `other_browser`: a pending login has the state, but this browser has no key for it.
 * - `used`: the login was finished, or another request is finishing it.
 */
export type Expiry = 'unknown' | 'other_browser' | 'used';

export class ExpiryError extends Error {
  constructor(
    readonly expiry: Expiry,
    message: string,
  ) {
    super(message);
  }
}

export function loginExpired(expiry: Expiry, message: string): MastodonError {
  return new MastodonError('login_expired', { cause: new ExpiryError(expiry, message) });
}

/** Whether a login failed because the browser did not send the key that began it. */
export function isOtherBrowser(error: unknown): boolean {
  return (
    error instanceof MastodonError &&
    error.cause instanceof ExpiryError &&
    error.cause.expiry === 'other_browser'
  );
}

/** The parts of a request that are read, for all frameworks. */
export interface BrowserRequest {
  readonly method: string | undefined;
  /** @param name in lower case */
  readonly header: (name: string) => string | undefined;
}

/** A `BrowserRequest` from a Node.js request or a framework's request with the same members. */
export function browserRequest(req: {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): BrowserRequest {
  return { method: req.method, header: (name) => req.headers[name]?.toString() };
}

/** Headers of Chromium and Firefox, of Safari, and of their earlier versions. */
const purposeHeaders = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];

/**
 * Refuses prefetches, prerenders and HEAD requests. Such a request must not use up an authorization response, and must
 * not begin a login. Browsers discard a response with status 503, and send the request again when the visitor opens the
 * page.
 * @returns the refusal, `prefetch_refused`
 */
export function prefetchRefusal({ method, header }: BrowserRequest): MastodonError | undefined {
  const purpose = purposeHeaders.find((name) => /prefetch|prerender|preview/i.test(header(name) ?? ''));
  if (method !== 'HEAD' && purpose === undefined) return undefined;
  const cause = purpose === undefined ? 'the request is a HEAD request' : `${purpose} says so`;
  return new MastodonError('prefetch_refused', { cause });
}

/**
 * Refuses login starts from other sites. A page of an attacker could start a login at an instance of the attacker, and so
 * log the visitor in to an account of the attacker. The browser's headers decide:
 *
 * - `Sec-Fetch-Site` (Chromium 76, Firefox 90, Safari 16.4; over https and on localhost): `same-origin`, and `none` for a
 *   visitor who typed the address. `same-site` is another host of the domain, and is refused like `cross-site`.
 * - `Origin` where that header is missing: the origin of `callbackURL`, or the host that the request was sent to. `null` is
 *   what a sandboxed frame sends, and is refused.
 * - A top-level navigation by GET is accepted from every source. Browsers keep `cross-site` for a whole chain of redirects.
 *   Such a chain may be a link in a chat to a page of the site that redirects to the login. It may also be a callback that
 *   ends in `login_restart` and redirects to a new start. A direct link to the start looks the same. A site prevents that
 *   link with a start that accepts POST only.
 *
 * A request without any of these headers is accepted, because no current browser sent it.
 * @param callbackURL the option
 * @param host that the request was sent to
 * @returns the refusal, `cross_site_start`
 */
export function crossSiteStart(
  { method, header }: BrowserRequest,
  callbackURL: string,
  host = header('host'),
): MastodonError | undefined {
  const why = sourceOf(header, callbackURL, host);
  if (why === undefined) return undefined;
  // The visitor's tab goes to the page: no frame, no script, no image. Safari does not say whether the visitor pressed a link.
  const isNavigation =
    header('sec-fetch-mode') === 'navigate' && (header('sec-fetch-dest') ?? 'document') === 'document';
  if (method === 'GET' && isNavigation) return undefined;
  return new MastodonError('cross_site_start', {
    cause: `${why}; with allowCrossSiteStart pages of other sites may begin logins`,
  });
}

/** The source that the browser reports, if it is not this site. */
function sourceOf(
  header: BrowserRequest['header'],
  callbackURL: string,
  host: string | undefined,
): string | undefined {
  const site = header('sec-fetch-site');
  if (site !== undefined) {
    return site === 'same-origin' || site === 'none' ? undefined : `Sec-Fetch-Site is ${site}`;
  }
  const origin = header('origin');
  if (origin === undefined || origin === new URL(callbackURL).origin) return undefined;
  if (host !== undefined && parsedURL(origin)?.host === host.toLowerCase()) return undefined;
  return 'Origin is not the origin of callbackURL or the host of the request';
}

/** A script follows a redirect itself, and instances do not let it (Fetch Metadata, section 2.2). */
export function warnOfScript({ header }: BrowserRequest, caller: string): void {
  if (!isDevelopment() || header('sec-fetch-dest') !== 'empty') return;
  warnOnce(
    'MASTODON_BY_SCRIPT',
    `${caller}: a login was begun by a script (fetch or XMLHttpRequest), which cannot take the visitor to the instance. ` +
      'Submit a form, or set location',
  );
}
