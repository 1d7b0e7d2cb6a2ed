/** The service's data in Redis, for several processes that share the work. */

import type { RedisClientType } from '@redis/client';
import type { KeyValueStore } from '../options.js';
import type { Log } from './log.js';

export type RedisClient = Pick<RedisClientType, 'get' | 'set' | 'del'>;

/** How long a start waits for Redis, and the longest time between two tries to come back to it. */
const patienceMs = 5_000;

/** Rejects where Redis cannot be reached now; what is lost later is looked for again without an end. */
export async function connectRedis(url: string, log: Log): Promise<RedisClientType> {
  const { createClient } = await import('@redis/client');
  let isStarted = false;
  let isLost = false;
  const client = createClient({
    url,
    socket: {
      connectTimeout: patienceMs,
      reconnectStrategy: (tries) => isStarted && Math.min(tries * 100, patienceMs),
    },
  });
  // One line for each change, however often it is tried in between.
  client.on('error', (error: unknown) => {
    if (isStarted && !isLost) log('redis_lost', { error });
    isLost = true;
  });
  client.on('ready', () => {
    if (isStarted && isLost) log('redis_found');
    isLost = false;
  });
  await client.connect();
  isStarted = true;
  return client as unknown as RedisClientType;
}

export function redisStore(client: RedisClient): KeyValueStore {
  return {
    async get(key) {
      const text = await client.get(key);
      return text === null ? undefined : JSON.parse(text);
    },
    async set(key, value, ttl) {
      const options = ttl === undefined ? {} : { expiration: { type: 'PX', value: Math.ceil(ttl) } as const };
      return (await client.set(key, JSON.stringify(value), options)) === 'OK';
    },
    delete: async (key) => (await client.del(key)) === 1,
  };
}
