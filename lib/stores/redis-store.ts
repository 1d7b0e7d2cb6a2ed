/** Values in Redis, as JSON, for several processes that share the work. */

import type { KeyValueStore } from '../options.js';

/** What is used of a client of node-redis (`redis`, `@redis/client`; 4 and later). */
export interface RedisCommands {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options?: { PX?: number }): Promise<unknown>;
  del(key: string): Promise<unknown>;
}

export interface RedisStore extends KeyValueStore {
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** @param ttl milliseconds; without one, or with 0, the entry stays until it is deleted */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  /** True for one of any number of callers, also in several processes. */
  delete(key: string): Promise<boolean>;
}

/** @param client a connected client, which stays yours to close */
export function redisStore(client: RedisCommands): RedisStore {
  return {
    async get<T>(key: string) {
      const text = await client.get(key);
      return typeof text === 'string' ? (JSON.parse(text) as T) : undefined;
    },
    // Redis takes whole milliseconds, and none that are less than one.
    set: async (key, value, ttl) =>
      (await client.set(key, JSON.stringify(value), ttl ? { PX: Math.max(1, Math.ceil(ttl)) } : {})) === 'OK',
    delete: async (key) => (await client.del(key)) === 1,
  };
}
