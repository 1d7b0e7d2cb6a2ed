/** Random values that cannot be guessed, and how long a login may take. */

import { randomBytes } from 'node:crypto';

/** How long a person has for logging in at their instance. Milliseconds. */
export const loginTtlMs = 10 * 60 * 1000;

/** 256 random bits as 43 characters of `[A-Za-z0-9_-]`: some servers put `state` into a URL without escaping it. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

export function isState(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}

/** @throws TypeError for a key that is not secret: one that several browsers share would let each finish the others' logins */
export function keysOf(browser: string | readonly string[]): readonly string[] {
  // Adapters give several, which they have made or checked themselves.
  if (typeof browser === 'object' && browser !== null) return browser;
  if (typeof browser === 'string' && /^[\w+/=-]{22,128}$/.test(browser) && new Set(browser).size >= 8)
    return [browser];
  throw new TypeError(
    'MastodonLogin: the browser key must be a random text of at least 22 characters [A-Za-z0-9_-]',
  );
}
