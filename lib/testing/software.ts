/** What differs between the servers that a testing instance can be taken for, as far as a site's tests may notice. */

import { nearest } from '../util/did-you-mean.js';

export interface Software {
  readonly name: string;
  readonly version: string;
  /** Describes its endpoints at /.well-known/oauth-authorization-server, and says `iss` in its answers. */
  readonly describesItself: boolean;
  readonly scopes: readonly string[];
  /** Gives refresh tokens. */
  readonly refreshes: boolean;
  /** Registers nobody, knows sites by a URL of theirs, and has Misskey's API in place of Mastodon's. */
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
const newest = ['profile', ...granular];

const known: Readonly<Record<string, Partial<Software>>> = {
  mastodon: { version: '4.5.0' },
  hollo: { version: '0.10.0' },
  gotosocial: { version: '0.20.0', describesItself: false },
  pleroma: { version: '2.9.0', describesItself: false, scopes: granular, refreshes: true },
  akkoma: { version: '3.15.2', describesItself: false, scopes: granular, refreshes: true },
  pixelfed: {
    version: '0.12.5',
    describesItself: false,
    scopes: ['read', 'write', 'follow', 'push'],
    refreshes: true,
  },
  misskey: { version: '2025.12.2', scopes: ['read:account', 'write:notes'], isMisskey: true },
  friendica: { version: '2024.12', describesItself: false, scopes: granular },
};

/**
 * A name that is not in the list is taken for software with the newest habits.
 * @throws TypeError for one that looks misspelt; as `{ name }` it may be any
 */
export function softwareOf(given: string | { readonly name: string; readonly version?: string }): Software {
  const meant =
    typeof given === 'string' && !Object.hasOwn(known, given)
      ? nearest(given, Object.keys(known))
      : undefined;
  if (meant !== undefined) {
    throw new TypeError(
      `startInstance: there is no software ${JSON.stringify(given)}; did you mean '${meant}'? Another one is { name }`,
    );
  }
  const { name, version } = typeof given === 'string' ? { name: given, version: undefined } : given;
  const habits = {
    describesItself: true,
    scopes: newest,
    refreshes: false,
    isMisskey: false,
    ...known[name],
  };
  return { version: '1.0.0', ...habits, name, ...(version !== undefined && { version }) };
}
