/** What nobody can guess: states, code verifiers, keys of browsers; and for how long a login is open. */

import { randomBytes } from 'node:crypto';

/** How long a person has for logging in at their instance. Milliseconds. */
export const loginTtlMs = 10 * 60 * 1000;

const tokenBytes = 32;
/** Random bytes are had far more cheaply many at a time; each is used once. */
let random = Buffer.alloc(0);
let used = 0;

/** 256 random bits as 43 characters of `[A-Za-z0-9_-]`: some servers put `state` into a URL as it is. */
export function randomToken(): string {
  if (used === random.length) {
    random = randomBytes(256 * tokenBytes);
    used = 0;
  }
  used += tokenBytes;
  return random.toString('base64url', used - tokenBytes, used);
}

export function isState(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}
