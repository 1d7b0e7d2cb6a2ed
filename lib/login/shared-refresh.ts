/** Lets one of several processes use a refresh token, and tells the others what it got. */

import { MastodonError } from '../errors.js';
import { underLease } from '../client/lock.js';
import type { PinnedInstance } from '../options.js';
import { sealed, unsealed } from '../util/encryption.js';
import { storeKey, type Store } from '../store.js';
import type { Tokens } from './token.js';

const purpose = 'passport-mastodon-oauth2 refreshed tokens';

/** Those who wait look several times a second. Milliseconds. */
const toldForMs = 10_000;

/**
 * A server that replaces refresh tokens takes the second use of one for a theft, and may end all that came of it (RFC
 * 9700, section 4.14). What one process got is left in the store for those that wait, sealed with the old token, which
 * they have and the store has not. Who comes later gets none of it: an old token is worth nothing then.
 * @throws whatever the work throws; `timeout` when the process that does it does not end
 */
export async function shareRefresh(
  store: Store,
  { host, origin }: PinnedInstance,
  refreshToken: string,
  patienceMs: number,
  work: () => Promise<Tokens>,
): Promise<Tokens> {
  if (!store.isShared) return work();
  const key = storeKey('refreshed', host, origin, refreshToken);
  const since = Date.now();
  let hasBegun = false;
  const result = async (): Promise<Tokens | undefined> => {
    const { at, text } = ((await store.cached(key)) ?? {}) as { at?: unknown; text?: unknown };
    if (typeof at !== 'number' || at <= since || typeof text !== 'string') return undefined;
    const plain = unsealed(refreshToken, purpose, text);
    return plain === undefined ? undefined : (JSON.parse(plain) as Tokens);
  };
  const workAndTell = async (): Promise<Tokens> => {
    hasBegun = true;
    const tokens = await work();
    const text = sealed(refreshToken, purpose, JSON.stringify(tokens));
    await store.cache(key, { at: Date.now(), text }, toldForMs);
    return tokens;
  };
  try {
    return await underLease(store, `${key}:lease`, patienceMs, result, workAndTell);
  } catch (error) {
    // Without the store there is no agreement with others, but there may be a token.
    const isStore = error instanceof MastodonError && error.code === 'store_failed';
    if (hasBegun || !isStore) throw error;
    return work();
  }
}
