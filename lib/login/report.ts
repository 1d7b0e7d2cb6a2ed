/** Reports failed logins to the log, and in development as process warnings. */

import { domainToUnicode } from 'node:url';
import { UnlistedServer, type Address } from '../discovery/address.js';
import { MastodonError } from '../errors.js';
import { kindOf } from '../util/error-kind.js';
import { type LoginEvent, type Report, isDevelopment, warnOnce } from '../events.js';
import type { Transaction } from './transactions.js';

/** What is known of a login when it fails. */
export interface LoginDetails {
  address?: Address;
  login?: Transaction;
}

/** The error with the host as the visitor typed it, and with the application's state. */
export function withLoginDetails(error: MastodonError, { address, login }: LoginDetails): MastodonError {
  const host = login?.instance.host ?? address?.host;
  const isItsName = error.instance !== undefined && error.instance === host;
  const inScript = login ? login.isInItsScript && domainToUnicode(login.instance.host) : address?.typedHost;
  // After the consent the address is known to be correct.
  const isFailing = login && error.code === 'instance_unreachable' && error.reason === undefined;
  return error.with({
    ...(isFailing && { reason: 'server_error' as const }),
    ...(isItsName && inScript !== undefined && { typedInstance: inScript }),
    ...(login && { state: login.applicationState }),
  });
}

/** @param log undefined for a failure that is no failure of a login, which only causes the warnings */
export function reportFailure(log: Report<LoginEvent> | undefined, error: unknown): void {
  // Only the kind is reported. A store driver may quote stored values in its message.
  if (!(error instanceof MastodonError)) return log?.('failed', { error: kindOf(error) });
  warnOfFailure(error);
  const { code, instance, cause } = error;
  log?.('refused', {
    code,
    ...(instance !== undefined && { instance }),
    ...(cause !== undefined && { cause: messagesOf(cause) }),
  });
}

const maxCauses = 5;

/** The messages of an error and of its causes. Other thrown values are not shown. */
function messagesOf(error: unknown): string {
  const sentences: string[] = [];
  try {
    for (let next = error; next instanceof Error && sentences.length < maxCauses; next = next.cause) {
      sentences.push(next.message);
    }
  } catch {
    // A getter of the error may throw.
  }
  return sentences.join(': ') || 'no error with a message';
}

/** Warns with the code and the cause of a failure, once for each code. */
function warnOfFailure(error: MastodonError): void {
  // Entry points that read a field emit a more specific warning about a missing one.
  if (!isDevelopment() || error.code === 'instance_missing') return;
  if (error.cause instanceof UnlistedServer) return warnOfUnlistedServer(error.cause);
  const why = error.cause === undefined ? error.message : messagesOf(error.cause);
  warnOnce(
    'MASTODON_LOGIN_FAILED',
    `passport-mastodon-oauth2: a login failed with ${error.code}: ${why.replace(/\.$/, '')}. See docs/errors.md#${error.code}`,
    error.code,
  );
}

function warnOfUnlistedServer({ origin, listed }: UnlistedServer): void {
  warnOnce(
    'MASTODON_NOT_LISTED',
    `passport-mastodon-oauth2: ${origin} was typed. A server that is not public is refused unless it is listed. To log in at ` +
      `a server of your own, set the option developmentInstances: ['${origin}'] (https if the server has TLS; in the file of ` +
      'a service, development_instances)' +
      (listed.length === 0 ? '' : `. Now it lists ${listed.join(', ')}`),
  );
}

/** Warns that a browser began a second login and this process has received no authorization response. */
export function warnOfMissingResponse(callbackURL: string): void {
  if (!isDevelopment()) return;
  const route = callbackURL.includes(':instance') ? callbackURL : `${callbackURL}/:instance`;
  warnOnce(
    'MASTODON_NO_ANSWER',
    'passport-mastodon-oauth2: a browser began a second login, and no authorization response has arrived for the first. ' +
      `Instances send visitors to ${route}. Check that this site is at that address, that it has a route for ` +
      `${new URL(route).pathname}, and that no Content-Security-Policy (form-action) stops the redirect to the instance. ` +
      'After a visitor has left the page of the instance, this warning means nothing',
  );
}
