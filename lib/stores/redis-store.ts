/** The store in Redis or Valkey: values as JSON, and locks. */

import { randomUUID } from 'node:crypto';
import type { KeyValueStore } from '../options.js';
import { commandsOf, isIORedis, type IORedisClient, type RedisCommands } from './redis-clients.js';

export interface RedisStore extends KeyValueStore {
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** @param ttl milliseconds; without one, or with 0, the entry stays until it is deleted */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  /** Resolves to `true` for exactly one of any number of callers, also in several processes. */
  delete(key: string): Promise<boolean>;
  /** @param ttl milliseconds, after which the lock ends by itself */
  lock?(key: string, ttl: number): Promise<(() => Promise<void>) | undefined>;
}

/** Deletes the caller's own lock in one step. A lock that has ended may belong to another caller now. */
const releaseOwn = `
  if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
  return 0`;

/**
 * Makes a store of a client of Redis or Valkey, with locks.
 * @param connected a client of node-redis 6 or of ioredis, also of a Redis Cluster. The caller closes it.
 * @example
 * const client = createClient({ url: 'redis://localhost:6379' }).on('error', console.error);
 * const store = redisStore(await client.connect());
 */
export function redisStore(connected: RedisCommands | IORedisClient): RedisStore {
  const client = isIORedis(connected) ? commandsOf(connected) : connected;
  return {
    async get<T>(key: string) {
      const text = await client.get(key);
      if (text === null || text === undefined) return undefined;
      // The reply to another command: the client has lost count of its replies.
      if (typeof text !== 'string') throw new TypeError('the reply to GET is not text');
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

/** Redis accepts whole milliseconds, from 1. */
function wholeMs(ttl: number): number {
  return Math.max(1, Math.ceil(ttl));
}
