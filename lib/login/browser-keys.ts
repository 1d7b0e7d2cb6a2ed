/** The secret keys of a browser: one that begins logins, and former ones that may still finish what they began. */

import { isSecretKey, loginTtlMs } from './state.js';

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
