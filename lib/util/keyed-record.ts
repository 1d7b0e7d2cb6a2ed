/** Keyed records: stored records that name the digest of the key under which they were written. */

import { digest } from './digest.js';

/**
 * The field with the digest. A database client that has lost count of its answers returns one key's record to the
 * reader of another key (node-redis before version 6 does, after a connection broke under load).
 */
const keyField = 'keptUnder';

export function keyedRecord(key: string, value: object): object {
  return { ...value, [keyField]: digest(key) };
}

/** The store answered, with something else than the record. */
export class UnknownRecordError extends Error {}

/**
 * Reads a keyed record.
 * @param value what the store returned for `key`
 * @returns the record as it was before `keyedRecord`
 * @throws UnknownRecordError that says what is wrong with the value
 */
export function readKeyedRecord(key: string, value: unknown): object {
  if (typeof value !== 'object' || value === null || !(keyField in value)) {
    throw new UnknownRecordError('the store returned a value that this package did not write');
  }
  const { [keyField]: keptUnder, ...record } = value;
  if (keptUnder === digest(key)) return record;
  throw new UnknownRecordError(
    "the store returned another key's record: its client has lost count of the answers and must reconnect",
  );
}
