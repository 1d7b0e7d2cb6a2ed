/** Registers an app on an instance (POST /api/v1/apps), and tests what that instance's token endpoint is worth. */

import { randomBytes } from 'node:crypto';
import { MastodonError } from '../errors.js';
import { isChallenge, isFromInFront } from '../http/challenge.js';
import { jsonObject, jsonObjectOrNone } from '../http/json.js';
import type { Answer, Network } from '../http/network.js';
import { isSuccess, isUnavailable } from '../http/status.js';
import type { Instance, PinnedInstance } from '../options.js';
import { isSingleUseClientId } from '../discovery/software.js';

/** What an app is registered with; another of these values needs another app. */
export interface AppDescription {
  readonly clientName: string;
  readonly redirectURI: string;
  readonly scope: string;
  readonly website: string | undefined;
  /** The URL that this site is known by at an instance that registers nobody. */
  readonly clientId?: string;
}

/** What one server knows this site by. */
export interface ClientCredentials {
  readonly clientId: string;
  /** Absent where the ID is a URL of this site's: nothing was given for that. */
  readonly clientSecret?: string;
  /** Milliseconds since the epoch; absent where it does not expire. */
  readonly secretExpiresAt?: number;
}

/**
 * Sends the one form that every known server reads alike: a single redirect URI, scopes as one string, no
 * empty field. (JSON, arrays and empty values each fail somewhere.)
 * @throws MastodonError `registration_refused`, `registration_throttled`, `scope_refused`, `instance_unsupported`,
 *   `instance_unreachable`, `instance_blocked`, `response_invalid`, `response_too_large` or `timeout`
 */
export async function registerApp(
  network: Network,
  instance: Instance & { readonly registrationEndpoint: string },
  app: AppDescription,
): Promise<ClientCredentials> {
  const answer = await network.post(instance.registrationEndpoint, {
    client_name: app.clientName,
    redirect_uris: app.redirectURI,
    scopes: app.scope,
    website: app.website,
  });
  return readRegistration(answer, instance.host);
}

/** Judges the answer to a registration. @throws MastodonError as `registerApp` */
export function readRegistration(answer: Answer, instance: string): ClientCredentials {
  const { status } = answer;
  if (isChallenge(answer)) {
    throw new MastodonError('instance_blocked', { instance, cause: new RefusedError(status) });
  }
  if (!isSuccess(status)) {
    if (isScopeRefusal(answer)) {
      throw new MastodonError('scope_refused', {
        instance,
        cause: new RefusedError(
          status,
          undefined,
          'the server does not take what the option "scope" asks for',
        ),
      });
    }
    const asked = throttledFor(answer.headers, Date.now());
    const cause = new RefusedError(status, asked ?? (status === 429 ? shortThrottleMs : undefined));
    if (status === 429) throw new MastodonError('registration_throttled', { instance, cause });
    if (status >= 500) throw new MastodonError('instance_unreachable', { instance, cause });
    if (status === 404 || status === 405)
      throw new MastodonError('instance_unsupported', { instance, cause });
    throw new MastodonError('registration_refused', { instance, cause });
  }
  const {
    client_id: clientId,
    client_secret: clientSecret,
    client_secret_expires_at: expiry,
  } = jsonObject(answer);
  if (!isCredential(clientId) || !isCredential(clientSecret)) {
    throw new MastodonError('response_invalid', {
      instance,
      cause: new Error('no client credentials in the answer'),
    });
  }
  if (isSingleUseClientId(clientId)) {
    throw new MastodonError('instance_unsupported', {
      instance,
      cause: new Error('its apps serve a single login'),
      reason: 'single_use_apps',
    });
  }
  // Seconds, and 0 for never (RFC 7591, section 3.2.1).
  const seconds = Number.isFinite(expiry) ? (expiry as number) : 0;
  return { clientId, clientSecret, ...(seconds > 0 && { secretExpiresAt: seconds * 1000 }) };
}

/** How a registration was refused, for what can be done about it. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    /** How long the instance asks to be left alone, in milliseconds. */
    readonly retryAfterMs?: number,
    why?: string,
  ) {
    super(`the registration was answered with ${status}${why === undefined ? '' : `: ${why}`}`);
  }
}

/** Mastodon: "Scopes doesn't match configured on the server"; Hollo: a list of errors that names the field. */
function isScopeRefusal(answer: Answer): boolean {
  if (answer.status !== 400 && answer.status !== 422) return false;
  return /scope/i.test(JSON.stringify([jsonObjectOrNone(answer)]));
}

/** RFC 6749, appendix A: printable ASCII. */
function isCredential(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]{1,2048}$/.test(value);
}

/**
 * Offers a code that was never issued. A server that gives a token for it would let anybody in as somebody
 * else (snac does), so it cannot be used for login.
 * @throws MastodonError `instance_insecure`; `instance_blocked`, and like every request, when there is no answer to judge
 */
export async function assertCodesAreChecked(
  network: Network,
  instance: PinnedInstance,
  client: ClientCredentials & { readonly redirectURI: string },
): Promise<void> {
  const answer = await network.post(instance.tokenEndpoint, {
    grant_type: 'authorization_code',
    code: randomBytes(32).toString('base64url'),
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: client.redirectURI,
    code_verifier: randomBytes(32).toString('base64url'),
  });
  // What stands in front of a server has not refused a code either: it has not even read it.
  if (isFromInFront(answer)) {
    throw new MastodonError('instance_blocked', {
      instance: instance.host,
      cause: new Error(`something in front of the token endpoint answered ${answer.status}`),
    });
  }
  // A server that is overloaded has not refused the code.
  if (isUnavailable(answer.status)) {
    throw new MastodonError('instance_unreachable', {
      instance: instance.host,
      cause: new Error(`the token endpoint answered ${answer.status}`),
    });
  }
  if (acceptedForgedCode(answer)) {
    const gaveToken = jsonObjectOrNone(answer)?.access_token !== undefined;
    const why = 'its token endpoint does not refuse a code that it never issued';
    throw new MastodonError('instance_insecure', {
      instance: instance.host,
      cause: gaveToken ? new UncheckedCodesError(why) : new Error(why),
    });
  }
}

/** A token came back for a made-up code: no passing trouble. */
export class UncheckedCodesError extends Error {}

export function acceptedForgedCode(answer: Answer): boolean {
  if (!isSuccess(answer.status)) return false;
  const document = jsonObjectOrNone(answer);
  // An error inside a success status is a refusal; anything else that calls itself a success is none.
  return document === undefined || typeof document.error !== 'string' || document.access_token !== undefined;
}

/** How long to keep from registering again, in milliseconds, as the answer asks; undefined if it does not say. */
export function throttledFor(headers: Answer['headers'], now: number): number | undefined {
  const wait = waitOf(headers['retry-after'], now) ?? waitOf(headers['x-ratelimit-reset'], now);
  return wait === undefined || wait <= 0 ? undefined : Math.min(wait, longestThrottleMs);
}

/** For a server that has had enough, and does not say for how long. */
const shortThrottleMs = 10 * 1000;

/** Mastodon's window for registrations; what asks for more is not believed. */
const longestThrottleMs = 10 * 60 * 1000;

/** Seconds, or a date (HTTP date in Retry-After, ISO 8601 in Mastodon's X-RateLimit-Reset, or epoch seconds). */
function waitOf(value: unknown, now: number): number | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined;
  if (/^\d{1,7}$/.test(value)) return Number(value) * 1000;
  if (/^\d{9,11}$/.test(value)) return Number(value) * 1000 - now;
  // Of anything else the parser makes a date, too, such as of two numbers.
  if (!/^(?:[A-Z][a-z]{2,8},? |\d{4}-\d\d-\d\dT)/.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date - now;
}
