/** Reports the halves of a login to the site's log, and why they failed. */

import { inItsScript, type Address } from '../discovery/address.js';
import { kindOf, MastodonError } from '../errors.js';
import type { LoginEvent, Report } from '../events.js';
import { sentencesOf, warnOfFailure } from './warnings.js';
import type { Transaction } from './transactions.js';

/** What is known of a login when it fails: its error tells the visitor in their words. */
export interface Seen {
  address?: Pick<Address, 'host' | 'typedHost'>;
  login?: Transaction;
}

/** In the words of the visitor who began the login, and with the site's own state of it. */
export function toldOf(error: MastodonError, { address, login }: Seen): MastodonError {
  const host = login?.instance.host ?? address?.host;
  const isItsName = error.instance !== undefined && error.instance === host;
  const inScript = login ? login.isInItsScript && inItsScript(login.instance.host) : address?.typedHost;
  return error.with({
    ...(isItsName && inScript !== undefined && { typedInstance: inScript }),
    ...(login && { state: login.applicationState }),
  });
}

/** One half of a login went well. */
export function report(
  log: Report<LoginEvent>,
  event: 'begun' | 'finished',
  { host, software }: { readonly host: string; readonly software?: string },
): void {
  log(event, { instance: host, ...(software !== undefined && { software }) });
}

export function reportFailure(log: Report<LoginEvent>, error: unknown): void {
  // Only its kind: a driver of the site's own store quotes in its message what was to be stored.
  if (!(error instanceof MastodonError)) return log('failed', { error: kindOf(error) });
  warnOfFailure(error);
  const { code, instance, cause } = error;
  log('refused', {
    code,
    ...(instance !== undefined && { instance }),
    ...(cause !== undefined && { cause: sentencesOf(cause) }),
  });
}
