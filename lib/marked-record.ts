/** Records that say under which key they were written. */

import { digest } from './util/digest.js';

/**
 * The field by which a record says under which key it was written. A client of a database that has lost count of its answers
 * gives one reader what another asked for (node-redis before version 6 does, once a connection has broken under load): somebody
 * else's login, or the secret that another instance has given out.
 */
const under = 'keptUnder';

/** A record as it lies in a store. */
export function markedRecord(key: string, value: object): object {
  return { ...value, [under]: digest(key) };
}

/** What was written under this key; nothing, where it is no record of ours, or another key's. */
export function recordUnder(key: string, value: unknown): object | undefined {
  if (!isMarked(value)) return undefined;
  const { [under]: mark, ...record } = value;
  return mark === digest(key) ? record : undefined;
}

export function isMarked(value: unknown): value is Record<string, unknown> {
  return (value as Record<string, unknown> | undefined)?.[under] !== undefined;
}

/** Why a record that is another key's says nothing of its own. */
export const confused =
  "the store answered with another key's record: its client has lost count of the answers and has to connect anew";

/** Why something else says as little. */
export const notOurs = 'the store answered with what nobody has written there';
