/** The default store: a Keyv in this process's memory, bounded in entries and in bytes. */

import { Keyv } from 'keyv';
import type { KeyValueStore } from './options.js';

export interface MemoryLimits {
  /** Records of one kind. Default 50 000. */
  readonly entries: number;
  /** Characters of one kind's keys and values together. Default 33 554 432, as many bytes for plain records. */
  readonly size: number;
}

const defaults: MemoryLimits = { entries: 50_000, size: 32 * 1024 * 1024 };

/** Where `storeKey` writes it, behind what Keyv puts before every key. */
const kindIn = /^(?:[^:]*:)?passport-mastodon-oauth2:\d+:([\w-]+):/;

/**
 * Every kind of record has room of its own. Logins are begun by anybody, at no cost, and so are clients that nobody has
 * used yet: a flood of them pushes out neither the clients in use nor what is known of other instances.
 */
export function memoryStore(limits: MemoryLimits = defaults): KeyValueStore {
  const kinds = new Map<string, BoundedMap>();
  const of = (key: string): BoundedMap => {
    const kind = kindIn.exec(key)?.[1] ?? '';
    let map = kinds.get(kind);
    if (!map) kinds.set(kind, (map = new BoundedMap(limits)));
    return map;
  };
  return new Keyv({
    store: {
      get: (key: string) => of(key).get(key),
      set: (key: string, value: string) => of(key).set(key, value),
      delete: (key: string) => of(key).delete(key),
      clear: () => kinds.clear(),
      has: (key: string) => of(key).get(key) !== undefined,
    },
  });
}

/** Drops what was not used for longest. A Map keeps the order of insertion, so whatever is used is put in anew. */
class BoundedMap {
  private readonly texts = new Map<string, string>();
  private size = 0;

  constructor(private readonly limits: MemoryLimits) {}

  get(key: string): string | undefined {
    const text = this.texts.get(key);
    if (text !== undefined) {
      this.texts.delete(key);
      this.texts.set(key, text);
    }
    return text;
  }

  set(key: string, text: string): void {
    this.delete(key);
    this.texts.set(key, text);
    this.size += key.length + text.length;
    for (const oldest of this.texts.keys()) {
      if (this.texts.size <= this.limits.entries && this.size <= this.limits.size) return;
      this.delete(oldest);
    }
  }

  delete(key: string): boolean {
    const text = this.texts.get(key);
    if (text === undefined) return false;
    this.size -= key.length + text.length;
    return this.texts.delete(key);
  }
}
