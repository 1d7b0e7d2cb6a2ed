/** Reads and writes the issuer's records in the site's store, encrypted; ends tokens and sessions early. */

import { randomUUID } from 'node:crypto';
import { storeKey, type Store } from '../store.js';
import { decrypt, encrypt } from '../util/crypto.js';

/** The kind of a record, and what identifies it. If a part is secret, such as a token, it is the last one. */
export type RecordName = readonly [kind: string, ...parts: string[]];

/** The record of an account's claims. */
export const accountRecord = (subject: string): RecordName => ['account', subject];

/** The record that names the browser of an interaction. */
export const bindingRecord = (uid: string): RecordName => ['browser', uid];

/** Whose tokens and sessions end. Also the name of the record. */
export type EndingName = Readonly<
  | ['GrantEnded', grantId: string]
  | ['SessionEnded', uid: string]
  | ['ClientEnded', accountId: string, clientId: string]
  | ['PersonEnded', accountId: string]
>;

/** Every method but `cached` and `delete` rejects with `store_failed` where the store fails. */
export class IssuerStore {
  /**
   * @param issuerURL issuers with different URLs may share a store
   * @param secret option of the issuer. Without it, the last part of a record's name alone encrypts the record.
   * @param endingTtlMs longer than any token or session lives
   */
  constructor(
    private readonly store: Store,
    private readonly issuerURL: string,
    private readonly secret = '',
    private readonly endingTtlMs?: number,
  ) {}

  /** Returns `undefined` also for a record that was encrypted with another secret. */
  async get<T extends object>(name: RecordName, secret = this.secret): Promise<T | undefined> {
    const key = this.keyOf(name);
    return this.decrypted<T>(name, key, await this.store.get(key), secret);
  }

  /** As `get`, for caches: every failure is a miss. */
  async cached<T extends object>(name: RecordName): Promise<T | undefined> {
    return this.get<T>(name).catch(() => undefined);
  }

  /** Whether the record exists, also if it was encrypted with another secret. */
  async has(name: RecordName): Promise<boolean> {
    return (await this.store.get(this.keyOf(name))) !== undefined;
  }

  async set(name: RecordName, value: object, ttlMs?: number): Promise<void> {
    const key = this.keyOf(name);
    await this.store.set(key, this.encrypted(name, key, value), ttlMs);
  }

  /** Removes a record, and returns it to one of any number of callers in all processes. */
  async take<T extends object>(name: RecordName): Promise<T | undefined> {
    const key = this.keyOf(name);
    return this.decrypted<T>(name, key, await this.store.take(key), this.secret);
  }

  /** Removes a record. A failure is ignored. */
  async delete(name: RecordName): Promise<void> {
    await this.store.delete(this.keyOf(name));
  }

  /**
   * Changes a record under its lock.
   * @param change returns the next record, or `undefined` to leave the record as it is
   * @returns what `change` returned
   */
  async update<T extends object>(
    name: RecordName,
    ttlMs: number | undefined,
    change: (current: T | undefined) => T | undefined,
  ): Promise<T | undefined> {
    const key = this.keyOf(name);
    let next: T | undefined;
    await this.store.update(key, ttlMs, (record) => {
      next = change(this.decrypted<T>(name, key, record, this.secret));
      return next && this.encrypted(name, key, next);
    });
    return next;
  }

  /**
   * Ends tokens and sessions. Each is saved with the generations of its names and is good while they are current. An end
   * begins a new generation. The store needs no list of sessions, and a slow request cannot restore an ended session.
   */
  async end(name: EndingName): Promise<void> {
    await this.set(name, { generation: randomUUID() }, this.endingTtlMs);
  }

  /** The current generation; empty before the first end. */
  async generationOf(name: EndingName): Promise<string> {
    return (await this.get<{ generation: string }>(name))?.generation ?? '';
  }

  private encrypted(name: RecordName, key: string, value: object): object {
    return { encrypted: encrypt(secretOf(name, this.secret), key, JSON.stringify(value)) };
  }

  private decrypted<T>(name: RecordName, key: string, record: unknown, secret: string): T | undefined {
    const { encrypted } = (record ?? {}) as { readonly encrypted?: unknown };
    if (typeof encrypted !== 'string') return undefined;
    const text = decrypt(secretOf(name, secret), key, encrypted);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** The parts after the kind are hashed, so a list of the store's keys has no token or code. */
  private keyOf([kind, ...parts]: RecordName): string {
    return storeKey(`issuer-${kind}`, '', this.issuerURL, ...parts);
  }
}

function secretOf(name: RecordName, secret: string): string {
  return `${secret}\n${name.at(-1)}`;
}

/** An expired generation lived longer than anything of an earlier one. */
export function isCurrent(saved: string | undefined, current: string): boolean {
  return current === '' || current === saved;
}
