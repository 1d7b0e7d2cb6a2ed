/** Exchanges the code of an authorization response, and finds out whether a refusal means that the client is dead. */

import type { ClientCredentials } from '../client/client.js';
import type { ClientOf } from '../client/clients.js';
import type { ClientLifecycle } from '../client/lifecycle.js';
import { MastodonError, type MastodonErrorCode } from '../errors.js';
import type { RequestContext } from '../http/context.js';
import { fetchAccount, type AccountAnswer } from './account.js';
import { codeOf, type CallbackParams } from './response.js';
import { exchangeCode, UnclearRefusal, type Tokens } from './token.js';
import type { PendingLogins, Transaction } from './transactions.js';
import type { Extras } from './types.js';

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
  extra: Extras['token'],
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
  extra: Extras['token'],
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
