/**
 * What follows from a request's ID. The client and the browser know the ID; the store and the bus do not. So who reads
 * the store cannot open a request's page, and who listens or speaks on the bus can neither read nor forge its result.
 */

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

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

/** AES-256-GCM under a key that follows from the ID. */
export function seal(id: string, text: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keyFor(id), iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** @returns `undefined` for what was not sealed with this ID */
export function unseal(id: string, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < 28) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyFor(id), bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function keyFor(id: string): Buffer {
  return Buffer.from(hkdfSync('sha256', id, '', 'passport-mastodon-oauth2 bridge result', 32));
}
