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

/** Whether a text is as varied as a random key. One that several browsers share would let each finish the others' logins. */
export function isSecretKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\w+/=-]{22,128}$/.test(value) && new Set(value).size >= 8;
}

/** @throws TypeError for a key that is not secret */
export function keysOf(browser: string | readonly string[]): readonly string[] {
  const keys: unknown = typeof browser === 'string' ? [browser] : browser;
  if (Array.isArray(keys) && keys.every(isSecretKey)) return keys;
  throw new TypeError(
    'MastodonLogin: the browser key must be a random text of at least 22 characters [A-Za-z0-9_-]',
  );
}
