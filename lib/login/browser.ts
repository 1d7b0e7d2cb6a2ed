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

/** The keys of one browser, as an adapter keeps them in a cookie or in a session. */
export interface BrowserKeys {
  /** The key that begins logins. Undefined for a browser without one. */
  readonly current: string | undefined;
  /** Keys that can finish the logins that they began, and cannot begin others. Each is a text `key.until`. */
  readonly former: readonly string[];
  /** All keys, the current one first, without the times. */
  readonly all: readonly string[];
}

/** Limits the size of the cookie that stores the keys. Few browsers finish more logins within `loginTtlMs`. */
const maxFormerKeys = 3;

/**
 * Keeps the former keys that are still valid, and at most `maxFormerKeys`: an attacker can write the cookie, and each key
 * causes a read of the store. A key with a later end than this package allows is dropped. The clock of another process
 * may be ahead by as long as a key is valid.
 */
export function validFormer(texts: readonly string[]): string[] {
  const now = Date.now();
  return texts.slice(0, maxFormerKeys).filter((text) => {
    const [key, time = ''] = text.split('.', 2);
    const until = /^\d{1,15}$/.test(time) ? Number(time) : 0;
    return isSecretKey(key) && until > now && until <= now + 2 * loginTtlMs;
  });
}

/** The key in a text `key.until`. */
export function formerKey(text: string): string {
  return text.slice(0, text.indexOf('.'));
}

/** The former keys after a login with a key, which stays valid for `loginTtlMs`. */
export function formerAfterLogin(key: string, former: readonly string[]): string[] {
  return [`${key}.${Date.now() + loginTtlMs}`, ...former].slice(0, maxFormerKeys);
}

/**
 * The keys for a login start. An attacker may have planted the current key, and then knows it. So a key that finished a login
 * begins no other: a new one takes its place, and it stays as a former key for the logins of other tabs.
 */
export async function keysToBegin(
  known: BrowserKeys,
  login: { hasFinished(key: string): Promise<boolean> },
): Promise<BrowserKeys> {
  const { current, former, all } = known;
  if (current !== undefined && !(await login.hasFinished(current))) return known;
  const key = randomToken();
  const ended = current === undefined ? former : formerAfterLogin(current, former);
  return { current: key, former: ended, all: [key, ...all] };
}

/** The cause of `login_expired` if a pending login has the state, but the browser has no key for it. */
export class OtherBrowserError extends Error {}

/** Whether a login failed because the browser did not send the key that began it. */
export function isOtherBrowser(error: unknown): boolean {
  return error instanceof MastodonError && error.cause instanceof OtherBrowserError;
}

/** The parts of a request that are read, for all frameworks. */
export interface BrowserRequest {
  readonly method: string | undefined;
  /** @param name in lower case */
  readonly header: (name: string) => string | undefined;
}

/** Part of the warning about a body that no parser reads. */
export const sentAsText =
  'the request has text/plain, as fetch sends it without a Content-Type. Send a form, or set Content-Type: application/json';

/** A `BrowserRequest` from a `Request`, a Node.js request, or a framework's request with the same members. */
export function browserRequest(req: {
  readonly method?: string | undefined;
  readonly headers: Headers | Readonly<Record<string, string | string[] | undefined>>;
}): BrowserRequest {
  const { method, headers } = req;
  const isFetch = typeof headers.get === 'function';
  const header = (name: string) =>
    (isFetch ? (headers as Headers).get(name) : (headers as Record<string, string>)[name])?.toString();
  return { method, header };
}

/**
 * Refuses prefetches, prerenders and HEAD requests. Such a request must not use up an authorization response, and must
 * not begin a login. Browsers discard a response with status 503, and send the request again when the visitor opens the
 * page.
 * @returns the refusal, `prefetch_refused`
 */
export function prefetchRefusal({ method, header }: BrowserRequest): MastodonError | undefined {
  // Chromium and Firefox, Safari, and their earlier versions.
  const purposes = [header('sec-purpose'), header('purpose'), header('x-purpose'), header('x-moz')].join(' ');
  if (method !== 'HEAD' && !/prefetch|prerender|preview/i.test(purposes)) return undefined;
  const cause = method === 'HEAD' ? 'the request is a HEAD request' : `its purpose is ${purposes.trim()}`;
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
 *
 * In development it also warns, once, of a start by a script. A script follows redirects itself, and instances do not let
 * it (Fetch Metadata, section 2.2).
 * @param callbackURL the option
 * @param host that the request was sent to
 * @returns the refusal, `cross_site_start`
 */
export function crossSiteStart(
  { method, header }: BrowserRequest,
  callbackURL: string,
  host = header('host'),
): MastodonError | undefined {
  const [site, origin] = [header('sec-fetch-site'), header('origin')];
  const [mode, destination = 'document'] = [header('sec-fetch-mode'), header('sec-fetch-dest')];
  if (destination === 'empty' && isDevelopment()) {
    warnOnce(
      'MASTODON_BY_SCRIPT',
      'passport-mastodon-oauth2: a login was begun by a script (fetch or XMLHttpRequest), which cannot take the visitor to ' +
        'the instance. Submit a form, or set location',
    );
  }
  const isOwnOrigin =
    origin === undefined ||
    origin === new URL(callbackURL).origin ||
    (host !== undefined && parsedURL(origin)?.host === host.toLowerCase());
  const isOwn = site === undefined ? isOwnOrigin : site === 'same-origin' || site === 'none';
  // The visitor's tab goes to the page: no frame, no script, no image. Safari does not say whether the visitor pressed a link.
  const isNavigation = method === 'GET' && mode === 'navigate' && destination === 'document';
  if (isOwn || isNavigation) return undefined;
  const why =
    site === undefined
      ? 'Origin is not the origin of callbackURL or the host of the request'
      : `Sec-Fetch-Site is ${site}`;
  return new MastodonError('cross_site_start', {
    cause: `${why}; with allowCrossSiteStart pages of other sites may begin logins`,
  });
}
