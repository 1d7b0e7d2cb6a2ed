/** Creates authorization requests, and validates authorization responses before any request is sent. */

import { needsForcedLogin } from '../discovery/software.js';
import { MastodonError } from '../errors.js';
import type { BeginOptions, Instance } from '../options.js';
import { digest } from '../util/crypto.js';
import { hostSegmentOf, isHost, parsedURL, splitAtHost } from '../util/url.js';
import { isState } from './browser.js';
import type { Transaction } from './transactions.js';

/** @param extra further parameters; they cannot replace parameters of the protocol */
export function authorizationURL(
  instance: Instance,
  login: Transaction,
  state: string,
  { forceLogin, lang }: BeginOptions,
  extra: Readonly<Record<string, unknown>> = {},
): string {
  const isForced = forceLogin === true || needsForcedLogin.has(instance.software);
  const own = {
    ...(isForced && { force_login: 'true' }),
    ...(lang !== undefined && { lang: String(lang) }),
    response_type: 'code',
    client_id: login.clientId,
    redirect_uri: login.redirectURI,
    scope: login.scope,
    state,
    code_challenge: digest(login.codeVerifier),
    code_challenge_method: 'S256',
  };
  const url = new URL(instance.authorizationEndpoint);
  const query = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries({ ...extra, ...own })) {
    query.delete(name);
    for (const one of [value].flat()) if (one !== undefined && one !== null) query.append(name, String(one));
  }
  url.search = query.toString();
  return url.href;
}

/** Parameters of an authorization response (RFC 6749, section 4.1.2; RFC 9207). */
export interface CallbackParams {
  readonly state: string | undefined;
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly iss: string | undefined;
  /** The instance's host in the path. Empty if that segment is not a host. */
  readonly host: string;
}

const names: readonly string[] = ['state', 'code', 'error', 'iss'];

/** The parts of the callback URL that are read. */
export type Target = Pick<URL, 'pathname' | 'searchParams'>;

/**
 * Parses a request target (RFC 9112, section 3.2) or a whole URL. The path is not decoded, because routers compare it
 * undecoded. A target such as "//evil.example" is a path.
 */
export function targetOf(answer: Target | string): Target {
  if (typeof answer !== 'string') return answer;
  const isTarget = answer.startsWith('/');
  const whole = !isTarget && /^https?:\/\//i.test(answer) ? parsedURL(answer) : undefined;
  if (whole) return whole;
  const path = answer.replace(/[?#].*/s, '');
  const query = answer.slice(path.length).replace(/#.*/s, '');
  return { pathname: isTarget ? path : `/${path}`, searchParams: new URLSearchParams(query) };
}

/**
 * The parts of the callback path before and behind the instance's host, in comparable form.
 * @param callbackURL the option, with or without `:instance`
 */
export function callbackPaths(callbackURL: string): ReturnType<typeof splitAtHost> {
  const { before, behind } = splitAtHost(callbackURL);
  return { before: plainPath(before), behind: behind === '' ? '' : plainPath(`/${behind}`) };
}

export type CallbackPaths = ReturnType<typeof callbackPaths>;

/**
 * Whether a request is an authorization response. It is one if its path matches the callback URL. Behind a proxy that
 * changes paths, its state must be a state of this package. An `?error=…` or `?code=…` on other pages is ignored.
 */
export function isCallback({ pathname, searchParams }: Target, { before, behind }: CallbackPaths): boolean {
  const path = plainPath(pathname).replace(/\/$/, '');
  if (path.startsWith(`${before}/`) && path.endsWith(behind)) {
    const rest = path.slice(before.length + 1, path.length - behind.length);
    // Directly below the root there are other pages, so the segment must look like a host.
    const isLikeHost = !rest.includes('/') && /[.:]/.test(rest);
    if (rest !== '' && (before !== '' || behind !== '' || isLikeHost)) return true;
  }
  const isOurs = isState(String(searchParams.get('state')));
  return isOurs && ['code', 'error', 'iss'].some((name) => searchParams.has(name));
}

/**
 * Normalises a path as the most lenient router does. Express ignores case, and reads a backslash as a slash in URLs
 * with a fragment. Fastify decodes first. If a callback were treated as a start, another site could start a login with
 * a link.
 */
function plainPath(path: string): string {
  const lower = path.replace(/[\\/]{2,}|\\/g, '/');
  try {
    return decodeURIComponent(lower).toLowerCase();
  } catch {
    return lower.toLowerCase();
  }
}

/**
 * Reads an authorization response: each parameter as one string, and the host in the path.
 * @throws MastodonError `login_expired` for a malformed state, `login_mismatch` for other malformed parameters
 */
export function readResponse(response: Target | string, callbackURL: string): CallbackParams {
  const { pathname, searchParams } = targetOf(response);
  const params: Record<string, string> = {};
  for (const [key, value] of searchParams) {
    const name = key.replace(/\[.*/s, '');
    if (!names.includes(name)) continue;
    if (name !== key || params[name] !== undefined)
      throw new MastodonError('login_mismatch', { cause: 'repeated or nested parameters' });
    params[name] = value;
  }
  const { state, code, error, iss } = params;
  if (state !== undefined && !isState(state))
    throw new MastodonError('login_expired', { cause: 'the state is not one of this package' });
  let host = '';
  try {
    host = decodeURIComponent(hostSegmentOf(callbackURL, pathname) ?? '').toLowerCase();
  } catch {
    // An invalid escape sequence.
  }
  return { state, code, error, iss, host: isHost(host) ? host : '' };
}

/**
 * Checks that the response comes from the instance of the login. The host in the path, which is part of the redirect
 * URI, must match. The issuer must match if the response contains one or the metadata promised one (RFC 9207, section
 * 2.4).
 * @throws MastodonError `login_mismatch`
 */
export function assertSameInstance(login: Transaction, params: CallbackParams): void {
  const { host: instance, issuer, promisesIssuer } = login.instance;
  const mismatch = (why: string) => new MastodonError('login_mismatch', { instance, cause: why });
  if (params.host !== instance) throw mismatch('the path names another instance');
  if (params.iss === undefined) {
    if (promisesIssuer) throw mismatch('the promised issuer is missing');
  } else if (params.iss.replace(/\/$/, '') !== issuer) throw mismatch('the issuer is another');
}

/**
 * The code of a response without an error.
 * @throws MastodonError `access_denied`, `token_refused` or `response_invalid`
 */
export function codeOf(params: CallbackParams, instance: string): string {
  const { error, code = '' } = params;
  if (error === 'access_denied') throw new MastodonError('access_denied', { instance });
  if (error === 'invalid_scope') {
    const cause = 'the server does not grant what the option "scope" asks for';
    throw new MastodonError('token_refused', { instance, cause, reason: 'scope_not_granted' });
  }
  // An attacker may have written the text, so it is not shown.
  if (error !== undefined)
    throw new MastodonError('token_refused', { instance, cause: 'the authorization failed' });
  if (code === '' || code.length > 4096)
    throw new MastodonError('response_invalid', { instance, cause: 'no code in the answer' });
  return code;
}
