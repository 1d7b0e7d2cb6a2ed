/** Secret browser keys, which bind a pending login to the browser that began it. */

import { randomBytes } from 'node:crypto';

/** Time limit of a pending login. Milliseconds. */
export const loginTtlMs = 10 * 60 * 1000;

/** 256 random bits as 43 characters of `[A-Za-z0-9_-]`. Some servers put `state` into a URL without escaping it. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

export function isState(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}

/** Whether a text looks like a random key. Browsers that share a key could finish each other's logins. */
export function isSecretKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\w+/=-]{22,128}$/.test(value) && new Set(value).size >= 8;
}

/** @throws TypeError for a key that does not look random */
export function keysOf(browser: string | readonly string[]): readonly string[] {
  const keys: unknown = typeof browser === 'string' ? [browser] : browser;
  if (Array.isArray(keys) && keys.every(isSecretKey)) return keys;
  throw new TypeError(
    'MastodonLogin: the browser key must be a random text of at least 22 characters [A-Za-z0-9_-]',
  );
}

/** A key that can finish the logins that it began, and cannot begin others. */
export interface FormerKey {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface BrowserKeys {
  /** The key that begins logins. Undefined for a browser without one. */
  readonly current: string | undefined;
  readonly former: readonly FormerKey[];
}

/** Limits the size of the cookie that stores the keys. Few browsers finish more logins within `loginTtlMs`. */
const maxFormerKeys = 3;

/** The former keys after a login with the current key. Each is valid for `loginTtlMs`. */
export function formerAfterLogin({ current, former }: BrowserKeys): FormerKey[] {
  const ended = current === undefined ? [] : [{ key: current, until: Date.now() + loginTtlMs }];
  return [...ended, ...former].slice(0, maxFormerKeys);
}

/** All keys, the current one first. */
export function allKeys({ current, former }: BrowserKeys): string[] {
  return [current, ...former.map(({ key }) => key)].filter((key) => key !== undefined);
}

export function writeFormer({ key, until }: FormerKey): string {
  return `${key}.${until}`;
}

/**
 * Parses former keys from a cookie. Drops expired keys, and keys that expire later than this package allows. Keeps at
 * most `maxFormerKeys`: an attacker can write the cookie, and each key causes a read of the store.
 */
export function readFormer(texts: readonly string[]): FormerKey[] {
  const now = Date.now();
  return texts.slice(0, maxFormerKeys).flatMap((text) => {
    const [key = '', time = ''] = text.split('.', 2);
    const until = /^\d{1,15}$/.test(time) ? Number(time) : 0;
    return isSecretKey(key) && until > now && until <= now + loginTtlMs ? [{ key, until }] : [];
  });
}
