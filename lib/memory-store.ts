/** The default store: records in this process's memory, bounded in entries and in bytes. */

import type { KeyValueStore } from './options.js';

export interface MemoryLimits {
  /** Records of one kind. Default 50 000. */
  readonly entries: number;
  /** Characters of one kind's keys and values together. Default 33 554 432, as many bytes for plain records. */
  readonly size: number;
}

const defaults: MemoryLimits = { entries: 50_000, size: 32 * 1024 * 1024 };

/** Where `storeKey` writes it. */
const kindIn = /^passport-mastodon-oauth2:\d+:([\w-]+):/;

/**
 * Every kind of record has room of its own. Logins are begun by anybody, at no cost, and so are clients that nobody has
 * used yet: a flood of them pushes out neither the clients in use nor what is known of other instances.
 */
export class MemoryStore implements KeyValueStore {
  private readonly kinds = new Map<string, BoundedMap>();

  constructor(private readonly limits: MemoryLimits = defaults) {}

  /** A copy, which is the caller's own. */
  get(key: string): unknown {
    const entry = this.of(key).get(key);
    return entry && JSON.parse(entry.text ?? JSON.stringify(entry.value));
  }

  /** The record itself, for who only looks at it: one for all who do, and frozen. */
  look(key: string): unknown {
    const entry = this.of(key).get(key);
    if (entry?.text !== undefined) {
      entry.value = frozen(JSON.parse(entry.text));
      entry.text = undefined;
    }
    return entry?.value;
  }

  /** @returns whether there is room for it */
  set(key: string, value: unknown, ttlMs?: number): boolean {
    const until = ttlMs === undefined ? Infinity : Date.now() + ttlMs;
    return this.of(key).set(key, JSON.stringify(value), until);
  }

  delete(key: string): boolean {
    return this.of(key).delete(key);
  }

  private of(key: string): BoundedMap {
    const kind = kindIn.exec(key)?.[1] ?? '';
    let map = this.kinds.get(kind);
    if (!map) this.kinds.set(kind, (map = new BoundedMap(this.limits)));
    return map;
  }
}

interface Entry {
  /** JSON, so that what is kept is nobody's object; until somebody looks at it. */
  text: string | undefined;
  /** The object instead, from then on. It takes about as much memory: its names are shared by all of a kind. */
  value: unknown;
  /** Characters of key and text. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Drops what was not used for longest. A Map keeps the order of insertion, so whatever is used is put in anew. */
class BoundedMap {
  private readonly entries = new Map<string, Entry>();
  private size = 0;

  constructor(private readonly limits: MemoryLimits) {}

  get(key: string): Entry | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until <= Date.now()) {
      this.delete(key);
      return undefined;
    }
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry;
  }

  set(key: string, text: string, until: number): boolean {
    this.delete(key);
    const entry = { text, value: undefined, size: key.length + text.length, until };
    this.entries.set(key, entry);
    this.size += entry.size;
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.limits.entries && this.size <= this.limits.size) break;
      this.delete(oldest);
    }
    return this.entries.has(key);
  }

  delete(key: string): boolean {
    const entry = this.entries.get(key);
    if (entry === undefined) return false;
    this.size -= entry.size;
    return this.entries.delete(key);
  }
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
