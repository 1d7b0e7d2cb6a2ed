/**
 * What follows from a request's ID. The client and the browser know the ID; the store and the bus do not. So who reads
 * the store cannot open a request's page, and who listens or speaks on the bus can neither read nor forge its result.
 */

import { createHash, randomBytes } from 'node:crypto';
import { sealed, unsealed } from '../util/encryption.js';

/** RFC 8628, section 6.1: no vowels, so no words, and nothing that is read as something else. */
const codeLetters = 'BCDFGHJKLMNPQRSTVWXZ';

export function newID(): string {
  return randomBytes(18).toString('base64url');
}

/** The request's name wherever others may read it. */
export function refOf(id: string): string {
  return createHash('sha256').update(`request:${id}`).digest('base64url');
}

/** Six of twenty letters, as `WDJ-BMJ`. No secret: it tells two requests apart that are open at one time. */
export function codeFor(id: string): string {
  const bytes = createHash('sha256').update(`code:${id}`).digest().subarray(0, 6);
  const letters = Array.from(bytes, (byte) => codeLetters[byte % codeLetters.length]).join('');
  return `${letters.slice(0, 3)}-${letters.slice(3)}`;
}

const purpose = 'passport-mastodon-oauth2 bridge result';

/** Under a key that follows from the ID. */
export function seal(id: string, text: string): string {
  return sealed(id, purpose, text);
}

/** @returns `undefined` for what was not sealed with this ID */
export function unseal(id: string, text: string): string | undefined {
  return unsealed(id, purpose, text);
}
