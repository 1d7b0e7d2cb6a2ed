/** The service's connection to Redis, which may go and come back. */

import type { RedisClientType } from '@redis/client';
import type { Log } from './log.js';

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
