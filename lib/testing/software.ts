/** The server software that a testing instance can simulate, and its differences. */

import { closestName } from '../util/did-you-mean.js';

export interface Software {
  readonly name: string;
  readonly version: string;
  /** Serves /.well-known/oauth-authorization-server (RFC 8414). */
  readonly hasMetadata: boolean;
  /** Sends `iss` with an authorization response (RFC 9207). */
  readonly namesIssuer: boolean;
  readonly scopes: readonly string[];
  /** One of these reads the profile. */
  readonly profileScopes: readonly string[];
  readonly givesRefreshTokens: boolean;
  /** Registers no apps, knows sites by the URL of their client metadata, and has Misskey's API instead of Mastodon's. */
  readonly isMisskey: boolean;
}

const parts = (verb: string, names: string): string[] => names.split(' ').map((name) => `${verb}:${name}`);

/** Mastodon's scopes for users (docs.joinmastodon.org/api/oauth-scopes). */
const granular = [
  ...['read', 'write', 'follow', 'push'],
  ...parts(
    'read',
    'accounts blocks bookmarks favourites filters follows lists mutes notifications search statuses',
  ),
  ...parts(
    'write',
    'accounts blocks bookmarks conversations favourites filters follows lists media mutes notifications reports statuses',
  ),
];

const newestMastodon = {
  hasMetadata: true,
  namesIssuer: true,
  scopes: ['profile', ...granular],
  profileScopes: ['profile', 'read', 'read:accounts'],
  givesRefreshTokens: false,
  isMisskey: false,
};
const without = { hasMetadata: false, namesIssuer: false };
const pleroma = { ...without, scopes: granular, givesRefreshTokens: true };

const known: Readonly<Record<string, Partial<Software>>> = {
  mastodon: { version: '4.5.0' },
  hollo: { version: '0.10.0' },
  gotosocial: { version: '0.20.0', ...without },
  pleroma: { version: '2.9.0', ...pleroma },
  akkoma: { version: '3.15.2', ...pleroma },
  pixelfed: { version: '0.12.5', ...pleroma, scopes: ['read', 'write', 'follow', 'push'] },
  friendica: { version: '2024.12', ...without, scopes: granular },
  misskey: {
    version: '2025.12.2',
    scopes: ['read:account', 'write:notes'],
    profileScopes: ['read:account'],
    isMisskey: true,
  },
};

/**
 * Software with an unknown name behaves like the newest Mastodon.
 * @throws TypeError for a text that looks like a misspelt name; `{ name }` accepts any name
 */
export function simulatedSoftware(
  given: string | { readonly name: string; readonly version?: string },
): Software {
  const meant =
    typeof given === 'string' && !Object.hasOwn(known, given)
      ? closestName(given, Object.keys(known))
      : undefined;
  if (meant !== undefined) {
    throw new TypeError(
      `startInstance: there is no software ${JSON.stringify(given)}; did you mean '${meant}'? Another one is { name }`,
    );
  }
  const { name, version } = typeof given === 'string' ? { name: given, version: undefined } : given;
  const habits = Object.hasOwn(known, name) ? known[name] : {};
  return { version: '1.0.0', ...newestMastodon, ...habits, name, ...(version !== undefined && { version }) };
}
