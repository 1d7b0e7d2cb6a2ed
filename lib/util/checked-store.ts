/** Checks the option `store`. */

import type { Checks } from './checks.js';

const advice = 'pass a Keyv, or redisStore(client) of passport-mastodon-oauth2/stores';

/** @throws TypeError that says what to pass. The value is not shown: there may be a password in it. */
export function checkStore(checks: Checks, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === 'string' || value instanceof URL) {
    checks.fail(`store must not be an address: ${advice}`);
  }
  const { sendCommand, get, set, del, delete: remove } = Object(value) as Record<string, unknown>;
  const isClient = [get, set, del].every((method) => typeof method === 'function') && remove === undefined;
  if (isClient && typeof sendCommand === 'function') {
    checks.fail(
      'store must not be a client of Redis: pass redisStore(client) of passport-mastodon-oauth2/stores',
    );
  }
  if (isClient) {
    checks.fail('store has del and no delete: pass an object with get, set and delete that calls the client');
  }
  checks.methods('store', value as Record<'get' | 'set' | 'delete', unknown>, ['get', 'set', 'delete']);
}
