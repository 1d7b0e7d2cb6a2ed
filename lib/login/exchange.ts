/** Exchanges the code of an authorization response for a token (RFC 6749, section 4.1.3), and finds out whether a refusal means that the client is dead. */

import type { ClientCredentials } from '../client/client.js';
import type { ClientOf } from '../client/clients.js';
import type { ClientLifecycle } from '../client/lifecycle.js';
import { MastodonError, type MastodonErrorCode } from '../errors.js';
import {
  assertFromServer,
  isSuccess,
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

/** Failures that show more than an error page of the instance: the client is known there. */
const signsOfClient: ReadonlySet<MastodonErrorCode> = new Set([
  'access_denied',
  'token_refused',
  'response_invalid',
]);

/** Tokens, and the credentials with which they can be revoked also while the store is away. */
export interface Redeemed {
  readonly tokens: Tokens;
  readonly credentials: ClientCredentials;
}

/**
 * Reads the response, whose origin is known by now, and exchanges its code once.
 * @throws MastodonError as `codeOf` and `exchange`
 */
export async function redeem(
  context: RequestContext,
  lifecycle: ClientLifecycle,
  pending: PendingLogins,
  login: Transaction,
  of: ClientOf,
  response: CallbackParams,
  extra: Readonly<Record<string, string>> | undefined,
): Promise<Redeemed> {
  const { host } = login.instance;
  try {
    return await exchange(context, lifecycle, login, of, codeOf(response, host), extra);
  } catch (error) {
    // Nothing is wrong with the client when this browser begins its next login.
    if (error instanceof MastodonError && signsOfClient.has(error.code)) await pending.finished(host);
    throw error;
  }
}

/**
 * The account of a token, after the invalid-code check that follows a consent.
 * @throws MastodonError as `fetchAccount` and `recheckCode`
 */
export async function accountAfterConsent(
  context: RequestContext,
  lifecycle: ClientLifecycle,
  pending: PendingLogins,
  { instance, redirectURI }: Transaction,
  of: ClientOf,
  accessToken: string,
): Promise<AccountAnswer> {
  try {
    const [account] = await Promise.all([
      fetchAccount(context, instance, accessToken),
      lifecycle.recheckCode(context, instance, of, redirectURI),
    ]);
    return account;
  } catch (error) {
    // A token that is refused at once may have ended with the client. Any other failure says that the client is known.
    const isSign = error instanceof MastodonError && error.code === 'account_unusable';
    if (!isSign) await pending.finished(instance.host);
    throw error;
  }
}

/**
 * With the very client that the login was begun with, even if another one is current by now: a code belongs to the client
 * that asked for it. A dead client is replaced at the next start.
 * @throws MastodonError `login_restart` when the client is gone; `instance_insecure` where codes are not checked; else as
 *   `codeOf` and `exchangeCode`
 */
async function exchange(
  context: RequestContext,
  lifecycle: ClientLifecycle,
  login: Transaction,
  of: ClientOf,
  code: string,
  extra: Readonly<Record<string, string>> | undefined,
): Promise<Redeemed> {
  const { instance } = login;
  const { host } = instance;
  const credentials = await lifecycle.clients.credentials(of);
  if (!credentials) {
    await lifecycle.afterRefusal(context, instance, of, true);
    throw new MastodonError('login_restart', {
      instance: host,
      cause: new Error('the client is not in the store'),
    });
  }
  await lifecycle.ensureCodeChecked(context, instance, of, login.redirectURI);
  try {
    const tokens = await exchangeCode(context, login, credentials, code, extra);
    context.isConfirmedBy(host);
    await lifecycle.clients.loginFinished(of, credentials);
    return { tokens, credentials };
  } catch (error) {
    if (!(error instanceof MastodonError)) throw error;
    const isClear = error.code === 'login_restart';
    if (!isClear && !(error.cause instanceof UnclearRefusal)) throw error;
    const outcome = await lifecycle.afterRefusal(context, instance, of, isClear);
    if (outcome === 'alive') throw error;
    const reason = outcome === 'kept' ? 'secrets_forgotten' : undefined;
    throw new MastodonError('login_restart', { instance: host, cause: error.cause, reason });
  }
}

/** What an instance gave for a code, or for a refresh token. */
export interface Tokens {
  readonly accessToken: string;
  /** Few servers give one: Pleroma, Akkoma, Pixelfed. */
  readonly refreshToken: string | undefined;
  /** The token endpoint's whole answer, as Passport's verify functions know it. */
  readonly params: JsonObject;
}

/**
 * Offers the code once; a code is never offered again, whatever comes back.
 * @param extra further parameters; none of the protocol's own can be changed by them
 * @throws MastodonError `token_refused`, `login_restart`, `instance_unreachable`, `instance_blocked`, `response_invalid`,
 *   `response_too_large` or `timeout`
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
    // In the body: Basic authentication fails on GoToSocial, Iceshrimp and Mitra.
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: redirectURI,
    code_verifier: codeVerifier,
    // Iceshrimp takes a default of its own for a request without.
    scope,
  };
  return postForm(context, instance.tokenEndpoint, form, (answer) => readTokens(answer, instance.host));
}

/** A refusal that may mean an unknown client as well as an unknown code. */
export class UnclearRefusal extends Error {}

/** Judges the token endpoint's answer: by its status first, by the error's name second. @throws as `exchangeCode` */
export function readTokens(answer: Answer, instance: string): Tokens {
  const { status } = answer;
  assertFromServer(answer);
  if (!isSuccess(status)) {
    const error = errorIn(answer);
    const named = error === undefined ? '' : ` with the error "${error}"`;
    const cause = new Error(`the token endpoint answered ${status}${named}`);
    if (isUnavailable(status)) throw new MastodonError('instance_unreachable', { instance, cause });
    if (error === 'invalid_client') throw new MastodonError('login_restart', { instance, cause });
    const isClear = error === 'invalid_grant' || (status !== 400 && status !== 401);
    throw new MastodonError('token_refused', {
      instance,
      cause: isClear ? cause : new UnclearRefusal(cause.message),
    });
  }
  const params = jsonObject(answer);
  const { access_token: accessToken, refresh_token: refreshToken, token_type: type } = params;
  if (!isToken(accessToken) || (type !== undefined && !isBearer(type))) {
    throw new MastodonError('response_invalid', {
      instance,
      cause: new Error('no bearer token in the answer'),
    });
  }
  return { accessToken, refreshToken: isToken(refreshToken) ? refreshToken : undefined, params };
}

/** The error's name (RFC 6749, section 5.2). Misskey's API has it as `error.code`. Other text of a server is not repeated. */
function errorIn(answer: Answer): string | undefined {
  const { error } = jsonObjectOrNone(answer) ?? {};
  const { code = error } = Object(error) as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Za-z][A-Za-z_]{0,39}$/.test(code) ? code : undefined;
}

function isBearer(type: unknown): boolean {
  return typeof type === 'string' && /^bearer$/i.test(type);
}

/** The token goes into a header as it is (RFC 6750, section 2.1). */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,8192}$/.test(value);
}
