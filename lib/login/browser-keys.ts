/** Random values that cannot be guessed, and the secret keys of a browser: one that begins logins, and former ones that may finish what they began. */

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

/** A key that may finish what it began, and begins nothing. */
export interface FormerKey {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface BrowserKeys {
  /** Begins logins. Absent from a browser that has none yet. */
  readonly current: string | undefined;
  readonly former: readonly FormerKey[];
}

/** More than log in within one login's time in one browser; whatever keeps them may be a cookie. */
const maxFormerKeys = 3;

/** The former keys once the current one has had its login; they are good for as long as a pending login lasts. */
export function formerAfterLogin({ current, former }: BrowserKeys): FormerKey[] {
  const ended = current === undefined ? [] : [{ key: current, until: Date.now() + loginTtlMs }];
  return [...ended, ...former].slice(0, maxFormerKeys);
}

/** All keys, the one that begins logins first. */
export function allKeys({ current, former }: BrowserKeys): string[] {
  return [current, ...former.map(({ key }) => key)].filter((key) => key !== undefined);
}

export function writeFormer({ key, until }: FormerKey): string {
  return `${key}.${until}`;
}

/**
 * None that is over, or that would last longer than any that was given; and no more than were given, since anyone can write a
 * cookie: for each of them the store is asked.
 */
export function readFormer(texts: readonly string[]): FormerKey[] {
  const now = Date.now();
  return texts.slice(0, maxFormerKeys).flatMap((text) => {
    const [key = '', time = ''] = text.split('.', 2);
    const until = /^\d{1,15}$/.test(time) ? Number(time) : 0;
    return isSecretKey(key) && until > now && until <= now + loginTtlMs ? [{ key, until }] : [];
  });
}
