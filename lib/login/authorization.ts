/** The authorization request that a browser is sent with, and the response that it brings back, which is compared before any request is sent. */

import { needsForcedLogin } from '../discovery/software.js';
import { MastodonError } from '../errors.js';
import type { BeginOptions, Instance } from '../options.js';
import { digest } from '../util/digest.js';
import { aroundHost, hostSegmentOf, parsedURL, withoutSlash } from '../util/url.js';
import { isState } from './browser-keys.js';
import type { Transaction } from './transactions.js';

/** @param extra further parameters; they cannot replace those of the protocol */
export function authorizationURL(
  instance: Instance,
  login: Transaction,
  state: string,
  { forceLogin, lang }: BeginOptions,
  extra: Readonly<Record<string, unknown>> = {},
): string {
  const isForced = forceLogin === true || needsForcedLogin(instance.software);
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
  for (const [name, value] of Object.entries({ ...extra, ...own })) {
    url.searchParams.delete(name);
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values)
      if (one !== undefined && one !== null) url.searchParams.append(name, String(one));
  }
  return url.href;
}

/** Parameters of an authorization response (RFC 6749, section 4.1.2; RFC 9207). */
export interface CallbackParams {
  readonly state: string | undefined;
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly iss: string | undefined;
}

const names = ['state', 'code', 'error', 'iss'] as const;

/** All that is read of the address that a browser came back to. */
export type Target = Pick<URL, 'pathname' | 'searchParams'>;

/**
 * Of a request, its target (RFC 9112, section 3.2), or the whole address. A path stays as it came, which is how routers
 * compare it; and one such as "//evil.example" is still a path here.
 */
export function targetOf(answer: Target | string): Target {
  if (typeof answer !== 'string') return answer;
  const isTarget = answer.startsWith('/');
  const whole = !isTarget && /^https?:\/\//i.test(answer) ? parsedURL(answer) : undefined;
  if (whole) return whole;
  const target = upTo('#', answer);
  const path = upTo('?', target);
  return {
    pathname: isTarget ? path : `/${path}`,
    searchParams: new URLSearchParams(target.slice(path.length)),
  };
}

function upTo(mark: string, text: string): string {
  const end = text.indexOf(mark);
  return end < 0 ? text : text.slice(0, end);
}

/** The paths of a callback URL around the instance's host, as paths are compared. */
export interface CallbackPaths {
  readonly before: string;
  readonly behind: string;
}

/** @param callbackURL as the option has it, with or without `:instance` */
export function callbackPaths(callbackURL: string): CallbackPaths {
  const { before, behind } = aroundHost(callbackURL);
  return { before: plainPath(before), behind: behind === '' ? '' : plainPath(`/${behind}`) };
}

/**
 * Whether a request is an authorization response, and not the start of a login: by its path, or, behind a proxy that changes
 * paths, by a state of ours. A page's own `?error=…` or `?code=…` makes no response.
 */
export function isCallback({ pathname, searchParams }: Target, { before, behind }: CallbackPaths): boolean {
  const path = plainPath(pathname).replace(/\/$/, '');
  if (path.startsWith(`${before}/`) && path.endsWith(behind)) {
    const rest = path.slice(before.length + 1, path.length - behind.length);
    // Directly below the root lies every page; there the segment must look like a host.
    if (rest !== '' && (before !== '' || behind !== '' || /^[^/]*[.:][^/]*$/.test(rest))) return true;
  }
  const state = searchParams.get('state');
  return state !== null && isState(state) && ['code', 'error', 'iss'].some((name) => searchParams.has(name));
}

/**
 * Paths as the most lenient router compares them: Express ignores case, and takes a backslash for a slash where there is a
 * fragment; Fastify decodes first. A callback route that was taken for a start would let another site begin a login by a
 * link.
 */
function plainPath(path: string): string {
  const lower = path.replace(/[\\/]{2,}|\\/g, '/');
  try {
    return decodeURIComponent(lower).toLowerCase();
  } catch {
    return lower.toLowerCase();
  }
}

/** The instance that the callback's path names; the empty text where that is no host. */
export function instanceInPath({ pathname }: Target, callbackURL: string): string {
  const segment = hostSegmentOf(callbackURL, pathname) ?? '';
  try {
    const host = decodeURIComponent(segment).toLowerCase();
    // It becomes part of store keys and messages.
    return /^(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}(?::\d{1,5})?$|^\[[\da-f:.]{2,45}\](?::\d{1,5})?$/.test(
      host,
    ) && host.length <= 260
      ? host
      : '';
  } catch {
    return '';
  }
}

/**
 * Reads each parameter as one string.
 * @throws MastodonError `login_expired` for a state that is none of ours, `login_mismatch` for the others
 */
export function readResponse({ searchParams }: Target): CallbackParams {
  const hasNested = [...searchParams.keys()].some((key) => names.some((name) => key.startsWith(`${name}[`)));
  const [state, code, error, iss] = names.map((name) => {
    const values = searchParams.getAll(name);
    if (values.length > 1 || hasNested) {
      throw new MastodonError('login_mismatch', { cause: new Error('repeated or nested parameters') });
    }
    return values[0];
  });
  if (state !== undefined && !isState(state)) {
    throw new MastodonError('login_expired', { cause: new Error('the state is none of ours') });
  }
  return { state, code, error, iss };
}

/**
 * The answer must come from the instance that the login was begun at: by its path, which is part of the
 * redirect URI, and by its issuer where it names one or promised to (RFC 9207, section 2.4).
 * @throws MastodonError `login_mismatch`
 */
export function assertSameInstance(login: Transaction, params: CallbackParams, hostInPath: string): void {
  const { host: instance, issuer, promisesIssuer } = login.instance;
  const mismatch = (why: string) => new MastodonError('login_mismatch', { instance, cause: new Error(why) });
  if (hostInPath !== instance) throw mismatch('the path names another instance');
  if (params.iss === undefined) {
    if (promisesIssuer) throw mismatch('the promised issuer is missing');
  } else if (withoutSlash(params.iss) !== issuer) throw mismatch('the issuer is another');
}

/**
 * The code, unless the instance reports an error instead.
 * @throws MastodonError `access_denied`, `token_refused` or `response_invalid`
 */
export function codeOf(params: CallbackParams, instance: string): string {
  if (params.error === 'access_denied') throw new MastodonError('access_denied', { instance });
  if (params.error === 'invalid_scope') {
    throw new MastodonError('token_refused', {
      instance,
      reason: 'scope_not_granted',
      cause: new Error('the server does not grant what the option "scope" asks for'),
    });
  }
  if (params.error !== undefined) {
    // The text may be an attacker's. Only that there was an error is told.
    throw new MastodonError('token_refused', { instance, cause: new Error('the authorization failed') });
  }
  if (params.code === undefined || params.code === '' || params.code.length > 4096) {
    throw new MastodonError('response_invalid', { instance, cause: new Error('no code in the answer') });
  }
  return params.code;
}
