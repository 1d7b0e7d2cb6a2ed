/** Why an authorization response belongs to no pending login: the cause of `login_expired`. */

import { MastodonError } from '../errors.js';

/**
 * - `unknown`: no pending login has the state.
 * - `other_browser`: a pending login has the state, and this browser has no key of it.
 * - `used`: the login was finished, or is being finished by another request.
 */
export type Expiry = 'unknown' | 'other_browser' | 'used';

export class ExpiryError extends Error {
  constructor(
    readonly expiry: Expiry,
    message: string,
  ) {
    super(message);
  }
}

export function loginExpired(expiry: Expiry, message: string): MastodonError {
  return new MastodonError('login_expired', { cause: new ExpiryError(expiry, message) });
}

/** Whether a login failed because its browser did not bring the key with which it was begun. */
export function isOtherBrowser(error: unknown): boolean {
  return (
    error instanceof MastodonError &&
    error.cause instanceof ExpiryError &&
    error.cause.expiry === 'other_browser'
  );
}
