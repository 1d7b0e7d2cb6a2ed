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
import { fetchAccount, type AccountAnswer } from './account.js';
import { codeOf, type CallbackParams } from './authorization.js';
import type { PendingLogins, Transaction } from './transactions.js';

/** Failures that show that the instance knows the client. */
const showKnownClient = new Set<MastodonErrorCode>(['access_denied', 'token_refused', 'response_invalid']);

/** What the steps after the validation of a response need. */
export interface ValidResponse {
  readonly context: RequestContext;
  readonly lifecycle: ClientLifecycle;
  readonly pending: PendingLogins;
  readonly login: Transaction;
  /** The client that the login was begun with, which may not be the current one. */
  readonly of: ClientOf;
}

/**
 * Reads the validated response, and exchanges its code once with the client that requested it. A dead client is replaced
 * at the next start.
 * @returns the tokens, and the credentials that can revoke them even if the store fails
 * @throws MastodonError `login_restart` if the client is dead; `instance_insecure` if the instance accepts invalid codes;
 *   the errors of `codeOf` and `exchangeCode`
 */
export async function redeem(
  { context, lifecycle, pending, login, of }: ValidResponse,
  response: CallbackParams,
  extra: Readonly<Record<string, string>> | undefined,
): Promise<{ readonly tokens: Tokens; readonly credentials: ClientCredentials }> {
  const { instance, redirectURI } = login;
  const { host } = instance;
  const { clients } = lifecycle;
  let credentials: ClientCredentials | undefined;
  try {
    const code = codeOf(response, host);
    credentials = await clients.credentials(of);
    // A process that has not seen the client yet lifts the host's limit, so that invalid codes use up no limit there.
    if (!context.http.referrals.inUse.has(host))
      await clients.current(host, of.appKey).catch(() => undefined);
    if (!credentials)
      throw new MastodonError('login_restart', { instance: host, cause: 'the client is not in the store' });
    await lifecycle.checkInvalidCode(context, instance, of, redirectURI, 'first');
    const tokens = await exchangeCode(context, login, credentials, code, extra);
    context.hosts.standing.set(host, 'confirmed');
    context.http.referrals.confirm(host, context.typed);
    await clients.loginFinished(of, credentials);
    return { tokens, credentials };
  } catch (error) {
    if (!(error instanceof MastodonError)) throw error;
    const { code, cause } = error;
    const isClear = code === 'login_restart';
    if (isClear || cause instanceof UnclearRefusal) {
      const outcome = await lifecycle.afterRefusal(context, instance, of, isClear);
      const reason = outcome === 'kept' && credentials ? 'secrets_forgotten' : undefined;
      if (outcome !== 'alive') throw new MastodonError('login_restart', { instance: host, cause, reason });
    }
    // A limit refused a request before the code was sent. So the login is still unused.
    if (code === 'login_busy' && response.state !== undefined) await pending.restore?.(response.state, login);
    // The client works, so this login must not count as unfinished when the browser starts the next one.
    if (showKnownClient.has(code)) await pending.finished(host);
    throw error;
  }
}

/**
 * The account of a token, after the invalid-code check that follows a consent.
 * @throws MastodonError as `fetchAccount` and `ClientLifecycle.checkInvalidCode`
 */
export async function accountAfterConsent(
  { context, lifecycle, pending, login, of }: ValidResponse,
  accessToken: string,
): Promise<AccountAnswer> {
  const { instance, redirectURI } = login;
  try {
    const [account] = await Promise.all([
      fetchAccount(context, instance, accessToken),
      lifecycle.checkInvalidCode(context, instance, of, redirectURI, 'afterConsent'),
    ]);
    return account;
  } catch (error) {
    // A new token that is refused may belong to a dead client. Every other failure shows that the client is known.
    const mayBeDead = error instanceof MastodonError && error.code === 'account_unusable';
    if (!mayBeDead) await pending.finished(instance.host);
    throw error;
  }
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

/** A token goes into a header as it is (RFC 6750, section 2.1). */
const tokenFormat = /^[\x21-\x7e]{1,8192}$/;

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
  if (typeof accessToken !== 'string' || !tokenFormat.test(accessToken) || !isBearer) {
    throw new MastodonError('response_invalid', { instance, cause: 'no bearer token in the answer' });
  }
  const isToken = typeof refreshToken === 'string' && tokenFormat.test(refreshToken);
  return { accessToken, refreshToken: isToken ? refreshToken : undefined, params };
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
