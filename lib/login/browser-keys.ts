/** What tells browsers apart, and what their requests say: secret keys, random values, prefetches, and starts by pages of other sites. */

import { randomBytes } from 'node:crypto';
import { MastodonError } from '../errors.js';
import { parsedURL } from '../util/url.js';
import { isDevelopment, warnOnce } from '../util/warnings.js';

/** How long a person has for logging in at their instance. Milliseconds. */
export const loginTtlMs = 10 * 60 * 1000;

/** 256 random bits as 43 characters of `[A-Za-z0-9_-]`: some servers put `state` into a URL without escaping it. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

export function isState(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}

/** Whether a text is as varied as a random key. One that several browsers share would let each finish the others' logins. */
export function isSecretKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\w+/=-]{22,128}$/.test(value) && new Set(value).size >= 8;
}

/** @throws TypeError for a key that is not secret */
export function keysOf(browser: string | readonly string[]): readonly string[] {
  const keys: unknown = typeof browser === 'string' ? [browser] : browser;
  if (Array.isArray(keys) && keys.every(isSecretKey)) return keys;
  throw new TypeError(
    'MastodonLogin: the browser key must be a random text of at least 22 characters [A-Za-z0-9_-]',
  );
}

/** A key that may finish what it began, and begins nothing. */
export interface FormerKey {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface BrowserKeys {
  /** Begins logins. Absent from a browser that has none yet. */
  readonly current: string | undefined;
  readonly former: readonly FormerKey[];
}

/** More than log in within one login's time in one browser; whatever keeps them may be a cookie. */
const maxFormerKeys = 3;

/** The former keys once the current one has had its login; they are good for as long as a pending login lasts. */
export function formerAfterLogin({ current, former }: BrowserKeys): FormerKey[] {
  const ended = current === undefined ? [] : [{ key: current, until: Date.now() + loginTtlMs }];
  return [...ended, ...former].slice(0, maxFormerKeys);
}

/** All keys, the one that begins logins first. */
export function allKeys({ current, former }: BrowserKeys): string[] {
  return [current, ...former.map(({ key }) => key)].filter((key) => key !== undefined);
}

export function writeFormer({ key, until }: FormerKey): string {
  return `${key}.${until}`;
}

/**
 * None that is over, or that would last longer than any that was given; and no more than were given, since anyone can write a
 * cookie: for each of them the store is asked.
 */
export function readFormer(texts: readonly string[]): FormerKey[] {
  const now = Date.now();
  return texts.slice(0, maxFormerKeys).flatMap((text) => {
    const [key = '', time = ''] = text.split('.', 2);
    const until = /^\d{1,15}$/.test(time) ? Number(time) : 0;
    return isSecretKey(key) && until > now && until <= now + loginTtlMs ? [{ key, until }] : [];
  });
}

/** What is read of a request, whatever framework it comes from. */
export interface BrowserRequest {
  readonly method: string | undefined;
  /** @param name in lower case */
  readonly header: (name: string) => string | undefined;
}

/** The same of a request of Node.js, and of those that frameworks make of it. */
export function browserRequest(req: {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): BrowserRequest {
  return { method: req.method, header: (name) => req.headers[name]?.toString() };
}

/** Chromium and Firefox; Safari; earlier versions of them. */
const purposeHeaders = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];

/**
 * Browsers prefetch and prerender pages, and programs send HEAD to see where a link leads. Such a request must not use up an
 * authorization response, and must not begin a login. Browsers discard an answer with status 503 and ask again when the
 * visitor opens the page.
 * @returns the refusal, `prefetch_refused`
 */
export function prefetchRefusal({ method, header }: BrowserRequest): MastodonError | undefined {
  const purpose = purposeHeaders.find((name) => /prefetch|prerender|preview/i.test(header(name) ?? ''));
  if (method !== 'HEAD' && purpose === undefined) return undefined;
  const cause = new Error(purpose === undefined ? 'the request is a HEAD request' : `${purpose} says so`);
  return new MastodonError('prefetch_refused', { cause });
}

/**
 * A page of another site could send its visitor through an instance that agrees to everything, and so log the visitor in to
 * an account of the attacker. Only a request of the site's own pages begins a login, as far as the browser tells:
 *
 * - `Sec-Fetch-Site` (Chromium 76, Firefox 90, Safari 16.4; over https and on localhost): `same-origin`, and `none` for a
 *   visitor who typed the address. `same-site` is another host of the domain, and is refused like `cross-site`.
 * - `Origin` where that header is missing: the origin of `callbackURL`, or the host that the request was sent to. `null` is
 *   what a sandboxed frame sends, and is refused.
 * - A top-level navigation by GET begins a login wherever it comes from. Browsers keep `cross-site` for a whole chain of
 *   redirects: for a link in a chat to a page of the site that redirects to the login, and for a callback that ends in
 *   `login_restart` and is redirected to another start. A link straight to the start looks the same. A site prevents that link
 *   by a start that takes POST only.
 *
 * Without any of these headers the request is not from a current browser, and is accepted.
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
  if (why === undefined || (method === 'GET' && isNavigation(header))) return undefined;
  return new MastodonError('cross_site_start', {
    cause: new Error(`${why}; with allowCrossSiteStart pages of other sites may begin logins`),
  });
}

/** What the browser says of another source than the site itself. */
function sourceOf(
  header: BrowserRequest['header'],
  callbackURL: string,
  host: string | undefined,
): string | undefined {
  const site = header('sec-fetch-site');
  if (site !== undefined) {
    return site === 'cross-site' || site === 'same-site' ? `Sec-Fetch-Site is ${site}` : undefined;
  }
  const origin = header('origin');
  if (origin === undefined || origin === new URL(callbackURL).origin) return undefined;
  if (host !== undefined && parsedURL(origin)?.host === host.toLowerCase()) return undefined;
  return 'Origin is not the origin of callbackURL or the host of the request';
}

/** The visitor's tab goes to the page: no frame, no script, no image. Safari does not say whether the visitor pressed a link. */
function isNavigation(header: BrowserRequest['header']): boolean {
  return header('sec-fetch-mode') === 'navigate' && (header('sec-fetch-dest') ?? 'document') === 'document';
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
