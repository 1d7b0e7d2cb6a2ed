/** Exchanges an authorization code for a token (RFC 6749, section 4.1.3), and detects dead clients by the refusal. */

import type { ClientCredentials } from '../client/client.js';
import type { ClientOf } from '../client/clients.js';
import type { ClientLifecycle } from '../client/lifecycle.js';
import { MastodonError, type MastodonErrorCode } from '../errors.js';
import {
  assertFromServer,
  isUnavailable,
  jsonObject,
  jsonObjectOrNone,
  type JsonObject,
} from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { postForm, type Answer } from '../http/request.js';
import type { PendingLogins, Transaction } from './transactions.js';

/** Failures before the exchange that show that the instance knows the client. */
const showKnownClient = new Set<MastodonErrorCode | undefined>([
  'access_denied',
  'token_refused',
  'response_invalid',
]);

/** A login whose response was validated, and which failed after that. */
export interface FailedLogin {
  readonly context: RequestContext;
  readonly lifecycle: ClientLifecycle;
  readonly pending: PendingLogins;
  readonly login: Transaction;
  readonly state: string;
  /** The client that the login was begun with, which may not be the current one. */
  readonly of: ClientOf;
  /** Undefined if the store has lost them. */
  readonly credentials: ClientCredentials | undefined;
  /** Whether the code was exchanged. */
  readonly hasToken: boolean;
}

/**
 * Draws the conclusions from a failure: about the client, which is replaced at the next start if it is dead; and about the
 * login, which may still be unused.
 * @returns the error for the caller: `login_restart` if the client is dead, else the same error
 */
export async function afterFailure(
  { context, lifecycle, pending, login, state, of, credentials, hasToken }: FailedLogin,
  error: unknown,
): Promise<unknown> {
  const { code, cause } = error instanceof MastodonError ? error : {};
  const { instance } = login;
  const isClear = code === 'login_restart';
  if (!hasToken && (isClear || cause instanceof UnclearRefusal)) {
    const outcome = await lifecycle.afterRefusal(context, instance, of, isClear);
    const reason = outcome === 'kept' && credentials ? 'secrets_forgotten' : undefined;
    if (outcome !== 'alive')
      return new MastodonError('login_restart', { instance: instance.host, cause, reason });
  }
  // A limit refused a request before the code was sent. So the login is still unused.
  if (!hasToken && code === 'login_busy') await pending.restore?.(state, login);
  // A new token that is refused may belong to a dead client. Every other failure of a new token shows that the client is known.
  // Then this login must not count as unfinished when the browser starts the next one.
  if (hasToken ? code !== 'account_unusable' : showKnownClient.has(code))
    await pending.clearUnfinished(instance.host);
  return error;
}

/** Tokens that an instance issued for a code or a refresh token. */
export interface Tokens {
  readonly accessToken: string;
  /** Issued by few servers: Pleroma, Akkoma, Pixelfed. */
  readonly refreshToken: string | undefined;
  /** The token endpoint's whole response, as Passport's verify functions receive it. */
  readonly params: JsonObject;
}

/**
 * Sends the code to the token endpoint. The request is never repeated.
 * @param extra further parameters; they cannot replace parameters of the protocol
 * @throws MastodonError `token_refused`, `login_restart`, `instance_unreachable`, `instance_blocked`,
 *   `response_invalid`, `response_too_large` or `timeout`
 */
export function exchangeCode(
  context: RequestContext,
  { instance, redirectURI, codeVerifier, scope }: Transaction,
  client: ClientCredentials,
  code: string,
  extra: Readonly<Record<string, string>> = {},
): Promise<Tokens> {
  const form = {
    ...extra,
    grant_type: 'authorization_code',
    code,
    // Sent in the body, because Basic authentication fails on GoToSocial, Iceshrimp and Mitra.
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: redirectURI,
    code_verifier: codeVerifier,
    // Without a scope, Iceshrimp uses its own default.
    scope,
  };
  return postForm(context, instance.tokenEndpoint, form, readTokens);
}

/** A refusal that may mean an unknown client or an unknown code. */
export class UnclearRefusal extends Error {}

/** Whether a value can be a token. A token goes into a header as it is (RFC 6750, section 2.1). */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,8192}$/.test(value);
}

/** Reads the token endpoint's response, by its status first and by the error's name second. @throws as `exchangeCode` */
export function readTokens(answer: Answer): Tokens {
  const { status } = answer;
  const instance = answer.url.host;
  assertFromServer(answer);
  if (!answer.ok) {
    const error = errorIn(answer);
    const named = error === undefined ? '' : ` with the error "${error}"`;
    const cause = `the token endpoint answered ${status}${named}`;
    if (isUnavailable(status)) throw new MastodonError('instance_unreachable', { instance, cause });
    if (error === 'invalid_client') throw new MastodonError('login_restart', { instance, cause });
    const isClear = error === 'invalid_grant' || (status !== 400 && status !== 401);
    throw new MastodonError('token_refused', {
      instance,
      cause: isClear ? cause : new UnclearRefusal(cause),
    });
  }
  const params = jsonObject(answer);
  const { access_token: accessToken, refresh_token: refreshToken, token_type: type } = params;
  const isBearer = type === undefined || (typeof type === 'string' && /^bearer$/i.test(type));
  if (!isToken(accessToken) || !isBearer) {
    throw new MastodonError('response_invalid', { instance, cause: 'no bearer token in the answer' });
  }
  return { accessToken, refreshToken: isToken(refreshToken) ? refreshToken : undefined, params };
}

/**
 * The error's name (RFC 6749, section 5.2). Misskey's API returns it as `error.code`. Other text of a server is
 * ignored.
 */
function errorIn(answer: Answer): string | undefined {
  const { error } = jsonObjectOrNone(answer) ?? {};
  const { code = error } = Object(error) as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Za-z][A-Za-z_]{0,39}$/.test(code) ? code : undefined;
}
