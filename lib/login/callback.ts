/** Judges what a browser brings back from an instance, before anything is done with it. */

import type { IncomingMessage } from 'node:http';
import { MastodonError } from '../errors.js';
import { withoutSlash } from '../instance/metadata.js';
import type { LoginTransaction } from '../options.js';
import { isState } from './transaction.js';

/** Parameters of an authorization response (RFC 6749, section 4.1.2; RFC 9207). */
export interface CallbackParams {
  readonly state: string | undefined;
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly iss: string | undefined;
}

type RequestWithURL = IncomingMessage & { readonly originalUrl?: string };

const names = ['state', 'code', 'error', 'iss'] as const;

/** What the request's own URL says, whatever a framework's query parser made of it. */
function urlOf(req: RequestWithURL): URL {
  const text = req.originalUrl ?? req.url ?? '/';
  // Only path and query are read; a target such as "//evil.example" is still a path here.
  return new URL(`http://localhost${text.startsWith('/') ? '' : '/'}${text}`);
}

/**
 * Whether a request is an answer from an instance, and not the start of a login: by its path, or, behind a
 * proxy that changes paths, by what only an answer carries. A `state` alone may be the application's own.
 */
export function isCallback(req: IncomingMessage, callbackURL: string): boolean {
  const { pathname, searchParams } = urlOf(req);
  const base = plainPath(new URL(callbackURL).pathname).replace(/\/$/, '');
  const [, parent, segment = ''] = /^(.*)\/([^/]+)\/?$/.exec(plainPath(pathname)) ?? [];
  // Directly below the root every page has such a path; there the segment must look like a host.
  if (parent === base && (base !== '' || /[.:]/.test(segment))) return true;
  return ['code', 'error', 'iss'].some((name) => searchParams.has(name));
}

/**
 * Paths as the most lenient router compares them: Express ignores case, Fastify decodes first. A callback route that
 * was taken for the start of a login would let another site begin one by a link, past the guard of the form's route.
 */
function plainPath(path: string): string {
  const lower = path.replace(/\/{2,}/g, '/');
  try {
    return decodeURIComponent(lower).toLowerCase();
  } catch {
    return lower.toLowerCase();
  }
}

/** The instance that the callback's path names: its last segment. */
export function instanceInPath(req: IncomingMessage): string {
  const segment = urlOf(req).pathname.split('/').filter(Boolean).at(-1) ?? '';
  try {
    return decodeURIComponent(segment).toLowerCase();
  } catch {
    return '';
  }
}

/**
 * Reads each parameter as one string.
 * @throws MastodonError `login_expired` for a state that is none of ours, `login_mismatch` for the others
 */
export function readCallback(req: IncomingMessage): CallbackParams {
  const { searchParams } = urlOf(req);
  const hasNested = [...searchParams.keys()].some((key) => names.some((name) => key.startsWith(`${name}[`)));
  const [state, code, error, iss] = names.map((name) => {
    const values = searchParams.getAll(name);
    if (values.length > 1 || hasNested) {
      throw new MastodonError('login_mismatch', { cause: new Error('repeated or nested parameters') });
    }
    return values[0];
  });
  if (state !== undefined && !isState(state)) throw new MastodonError('login_expired');
  return { state, code, error, iss };
}

/**
 * The answer must come from the instance that the login was begun at: by its path, which is part of the
 * redirect URI, and by its issuer where it names one or promised to (RFC 9207, section 2.4).
 * @throws MastodonError `login_mismatch`
 */
export function assertSameInstance(
  login: LoginTransaction,
  params: CallbackParams,
  hostInPath: string,
): void {
  const { host: instance, issuer, promisesIssuer } = login.instance;
  const mismatch = (why: string) => new MastodonError('login_mismatch', { instance, cause: new Error(why) });
  if (hostInPath !== instance) throw mismatch('the path names another instance');
  if (params.iss === undefined) {
    if (promisesIssuer) throw mismatch('the promised issuer is missing');
  } else if (withoutSlash(params.iss) !== issuer) throw mismatch('the issuer is another');
}

/**
 * The code, unless the instance reports an error instead.
 * @throws MastodonError `access_denied`, `login_restart`, `token_refused` or `response_invalid`
 */
export function codeOf(params: CallbackParams, instance: string): string {
  if (params.error === 'access_denied') throw new MastodonError('access_denied', { instance });
  if (params.error !== undefined) {
    // The text may be anybody's; only that there was an error is told on.
    throw new MastodonError('token_refused', { instance, cause: new Error('the authorization failed') });
  }
  if (params.code === undefined || params.code === '' || params.code.length > 4096) {
    throw new MastodonError('response_invalid', { instance, cause: new Error('no code in the answer') });
  }
  return params.code;
}
