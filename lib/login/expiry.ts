/** Causes of `login_expired`: why an authorization response matches no pending login. */

import { MastodonError } from '../errors.js';

/**
 * - `unknown`: no pending login has the state.
 * - `other_browser`: a pending login has the state, but this browser has no key for it.
 * - `used`: the login was finished, or another request is finishing it.
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

/** Whether a login failed because the browser did not send the key that began it. */
export function isOtherBrowser(error: unknown): boolean {
  return (
    error instanceof MastodonError &&
    error.cause instanceof ExpiryError &&
    error.cause.expiry === 'other_browser'
  );
}
