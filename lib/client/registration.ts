/** Registers the app at an instance (POST /api/v1/apps), and reads the response. */

import { MastodonError } from '../errors.js';
import { isChallenge, jsonObject, jsonObjectOrNone } from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { postForm, type Answer } from '../http/request.js';
import { isSingleUseClientId } from '../discovery/software.js';
import type { App, ClientCredentials, RegisteredClient } from './client.js';

/**
 * Registers with the form that all known servers support: one redirect URI, scopes as one string, no empty field. JSON,
 * arrays and empty values each fail on some servers. If the server refuses the default scope, `read` is tried. A scope that the
 * site requested is not replaced.
 * @throws MastodonError `registration_refused`, `registration_throttled`, `scope_refused`, `instance_unsupported`,
 *   `instance_unreachable`, `instance_blocked`, `response_invalid`, `response_too_large` or `timeout`
 */
export async function registerApp(
  context: RequestContext,
  registrationEndpoint: string,
  app: Pick<App, 'host' | 'clientName' | 'redirectURI' | 'scope' | 'isScopeOfSite' | 'website'>,
): Promise<RegisteredClient> {
  const { host: instance, clientName, redirectURI, website } = app;
  for (let scope = app.scope; ; scope = 'read') {
    const form = { client_name: clientName, redirect_uris: redirectURI, scopes: scope, website };
    try {
      const credentials = await postForm(context, registrationEndpoint, form, readRegistration);
      return { ...credentials, redirectURI, scope };
    } catch (error) {
      if (app.isScopeOfSite || !(error instanceof MastodonError)) throw error;
      const status = error.cause instanceof RefusedError ? error.cause.status : undefined;
      if (scope !== 'read' && (status === 400 || status === 422)) continue;
      if (error.code !== 'scope_refused') throw error;
      // The site asked for nothing: its scopes are not what the server refuses.
      const cause = 'the server takes none of the scopes that read the profile';
      throw new MastodonError('registration_refused', { instance, cause });
    }
  }
}

/** Reads the response to a registration. @throws MastodonError as `registerApp` */
export function readRegistration(answer: Answer): ClientCredentials {
  const instance = answer.url.host;
  const { status } = answer;
  if (isChallenge(answer)) {
    throw new MastodonError('instance_blocked', { instance, cause: new RefusedError(status) });
  }
  if (!answer.ok) {
    if (isScopeRefusal(answer)) {
      const why = 'the server does not take what the option "scope" asks for';
      throw new MastodonError('scope_refused', { instance, cause: new RefusedError(status, undefined, why) });
    }
    const asked = throttledFor(answer.headers, Date.now());
    const cause = new RefusedError(status, asked ?? (status === 429 ? shortThrottleMs : undefined));
    if (status === 429) throw new MastodonError('registration_throttled', { instance, cause });
    if (status >= 500)
      throw new MastodonError('instance_unreachable', { instance, cause, reason: 'server_error' });
    if (status === 404 || status === 405)
      throw new MastodonError('instance_unsupported', { instance, cause });
    throw new MastodonError('registration_refused', { instance, cause });
  }
  const credentials = jsonObject(answer);
  const { client_id: clientId, client_secret: clientSecret } = credentials;
  // RFC 6749, appendix A: printable ASCII.
  const format = /^[\x20-\x7e]{1,2048}$/;
  const areTexts = typeof clientId === 'string' && typeof clientSecret === 'string';
  if (!areTexts || !format.test(clientId) || !format.test(clientSecret)) {
    throw new MastodonError('response_invalid', { instance, cause: 'no client credentials in the answer' });
  }
  if (isSingleUseClientId(clientId)) {
    const cause = 'its apps serve a single login';
    throw new MastodonError('instance_unsupported', { instance, cause, reason: 'single_use_apps' });
  }
  // A URL as the client ID means a client metadata document, which is another kind of client.
  if (/^https?:/i.test(clientId)) {
    throw new MastodonError('response_invalid', { instance, cause: 'the client ID is a URL' });
  }
  // Seconds. 0 means that the secret does not expire (RFC 7591, section 3.2.1).
  const { client_secret_expires_at: expiry } = credentials;
  const secretExpiresAt = Number(typeof expiry === 'number' && expiry) * 1000;
  // A time that JSON cannot store would make the record unreadable, and each start would register again.
  const expires = secretExpiresAt > 0 && Number.isFinite(secretExpiresAt);
  return { clientId, clientSecret, ...(expires && { secretExpiresAt }) };
}

/** A refused registration, with the time to wait. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    /** Time to wait before the next registration. Milliseconds. */
    readonly retryAfterMs?: number,
    why?: string,
  ) {
    super(`the registration was answered with ${status}${why === undefined ? '' : `: ${why}`}`);
  }
}

/**
 * Mastodon answers "Scopes doesn't match configured on the server". Hollo answers a list of errors that names the
 * field.
 */
function isScopeRefusal(answer: Answer): boolean {
  if (answer.status !== 400 && answer.status !== 422) return false;
  return /scope/i.test(JSON.stringify([jsonObjectOrNone(answer)]));
}

/** Time to wait before the next registration, from the headers. Milliseconds. Undefined if no header has it. */
export function throttledFor(headers: Answer['headers'], now: number): number | undefined {
  const wait = waitOf(headers['retry-after'], now) ?? waitOf(headers['x-ratelimit-reset'], now);
  return wait === undefined || wait <= 0 ? undefined : Math.min(wait, longestThrottleMs);
}

/** Wait for a server that limits registrations and gives no time. */
const shortThrottleMs = 10 * 1000;

/** Longest wait. It is Mastodon's window for registrations. Longer times are reduced to it. */
const longestThrottleMs = 10 * 60 * 1000;

/** Seconds, or a date (HTTP date in Retry-After, ISO 8601 in Mastodon's X-RateLimit-Reset, or epoch seconds). */
function waitOf(value: unknown, now: number): number | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined;
  if (/^\d{1,7}$/.test(value)) return Number(value) * 1000;
  if (/^\d{9,11}$/.test(value)) return Number(value) * 1000 - now;
  // The date parser also accepts other text, such as two numbers.
  if (!/^(?:[A-Z][a-z]{2,8},? |\d{4}-\d\d-\d\dT)/.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date - now;
}
