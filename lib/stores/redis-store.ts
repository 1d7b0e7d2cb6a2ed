/** Values in Redis, as JSON, for several processes that share the work. */

import { randomUUID } from 'node:crypto';
import type { KeyValueStore } from '../options.js';
import { commandsOf, isIORedis, type IORedisClient } from './ioredis.js';
import type { RedisCommands } from './node-redis.js';

export interface RedisStore extends KeyValueStore {
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** @param ttl milliseconds; without one, or with 0, the entry stays until it is deleted */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  /** True for one of any number of callers, also in several processes. */
  delete(key: string): Promise<boolean>;
  /** @param ttl milliseconds, after which the lock ends by itself */
  lock?(key: string, ttl: number): Promise<(() => Promise<void>) | undefined>;
}

/** Deletes a lock of one's own in one step: what has ended by itself may be another's by now. */
const releaseOwn = `
  if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
  return 0`;

/**
 * A store in Redis or Valkey, with locks.
 * @param connected a client of node-redis or of ioredis, also of a Redis Cluster, which stays yours to close
 */
export function redisStore(connected: RedisCommands | IORedisClient): RedisStore {
  const client = isIORedis(connected) ? commandsOf(connected) : connected;
  return {
    async get<T>(key: string) {
      const text = await client.get(key);
      if (text === null || text === undefined) return undefined;
      // To another question: a client that has lost count of the answers does not say that there is nothing.
      if (typeof text !== 'string') throw new TypeError('the answer to GET is no text');
      return JSON.parse(text) as T;
    },
    set: async (key, value, ttl) =>
      (await client.set(key, JSON.stringify(value), ttl ? { PX: wholeMs(ttl) } : {})) === 'OK',
    delete: async (key) => (await client.del(key)) === 1,
    ...(client.eval && { lock: (key: string, ttl: number) => lock(client, key, ttl) }),
  };
}

async function lock(client: RedisCommands, key: string, ttl: number) {
  const token = JSON.stringify(randomUUID());
  if ((await client.set(key, token, { NX: true, PX: wholeMs(ttl) })) !== 'OK') return undefined;
  return async () => void (await client.eval?.(releaseOwn, { keys: [key], arguments: [token] }));
}

/** Redis takes whole milliseconds, and none that are less than one. */
function wholeMs(ttl: number): number {
  return Math.max(1, Math.ceil(ttl));
}
