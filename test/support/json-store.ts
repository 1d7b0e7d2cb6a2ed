/** A minimal shared store. */

import type { KeyValueStore } from '../../lib/options.js';

/** A store that keeps JSON, like one across a network, and counts as shared between processes. */
export class JSONStore implements KeyValueStore {
  readonly records = new Map<string, string>();
  async get(key: string): Promise<unknown> {
    const text = this.records.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  }
  async set(key: string, value: unknown): Promise<void> {
    this.records.set(key, JSON.stringify(value));
  }
  async delete(key: string): Promise<boolean> {
    return this.records.delete(key);
  }
}

/** The same, with atomic locks: a lock of a store without them takes 0.2 seconds. */
export class LockingStore extends JSONStore {
  private readonly locks = new Map<string, number>();
  async lock(key: string, ttl: number): Promise<(() => void) | undefined> {
    const now = performance.now();
    if ((this.locks.get(key) ?? 0) > now) return undefined;
    this.locks.set(key, now + ttl);
    return () => void (this.locks.get(key) === now + ttl && this.locks.delete(key));
  }
}

/** The same, with records that expire after their time to live, like Redis. */
export class ExpiringStore extends LockingStore {
  private readonly ends = new Map<string, number>();
  override async get(key: string): Promise<unknown> {
    if ((this.ends.get(key) ?? Infinity) <= Date.now()) this.records.delete(key);
    return super.get(key);
  }
  override async set(key: string, value: unknown, ttl = Infinity): Promise<void> {
    this.ends.set(key, Date.now() + ttl);
    await super.set(key, value);
  }
}
