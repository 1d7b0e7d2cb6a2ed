/** Tells refusals of this site from failures of a server. */

import { MastodonError, type MastodonErrorCode } from '../errors.js';

const refusals: ReadonlySet<MastodonErrorCode> = new Set(['instance_not_allowed', 'login_busy']);

/** Whether no request was sent, because the site does not allow the server or asks it too often. It says nothing about the server. */
export function wasNotAsked(error: unknown): boolean {
  return error instanceof MastodonError && refusals.has(error.code);
}
