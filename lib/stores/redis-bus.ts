/** The bus of a bridge over Redis. */

import type { Bus } from './bus.js';
import {
  commandsOf,
  isIORedis,
  subscriberOf,
  type IORedisClient,
  type IORedisSubscriber,
  type RedisPublisher,
  type RedisSubscriber,
} from './redis-clients.js';

/**
 * Makes a bus between the processes of a bridge.
 * @param connected a client of node-redis 6 or of ioredis, also of a Redis Cluster. The caller closes it.
 * @param listening a second connection, which Redis requires for subscriptions. Default: a duplicate of `connected`,
 *   opened at the first subscription and closed after the last
 */
export function redisBus(
  connected: RedisPublisher | IORedisClient,
  listening?: RedisSubscriber | IORedisSubscriber,
): Bus {
  const client = isIORedis(connected) ? commandsOf(connected) : connected;
  const subscriber = listening && asSubscriber(listening);
  let own: Promise<RedisSubscriber> | undefined;
  /** Subscriptions that were begun at `own` and have not ended. */
  let users = 0;

  /** Closing a connection ends its subscriptions, also while Redis does not answer. */
  const release = async (): Promise<void> => {
    if (--users > 0) return;
    const closing = own;
    own = undefined;
    await closing?.then(close, () => undefined);
  };
  return {
    async publish(channel, text) {
      const heard = await client.publish(channel, text);
      // A node of a cluster counts its own subscribers only.
      return isCluster(connected) ? undefined : heard;
    },
    async subscribe(channel, listener) {
      if (subscriber) {
        await subscriber.subscribe(channel, listener);
        return async () => subscriber.unsubscribe(channel, listener).catch(() => undefined);
      }
      users++;
      try {
        own ??= ready(client.duplicate());
        const open = await own;
        await open.subscribe(channel, listener);
        return once(async () => {
          if (users > 1) await open.unsubscribe(channel, listener).catch(() => undefined);
          await release();
        });
      } catch (error) {
        await release();
        throw error;
      }
    },
  };
}

/** @throws what `connect` throws; the connection is closed then, since clients go on trying by themselves */
async function ready(subscriber: RedisSubscriber): Promise<RedisSubscriber> {
  // An error without a listener ends the process. The client connects and subscribes again by itself.
  subscriber.on('error', () => undefined);
  try {
    if (!subscriber.isOpen) await subscriber.connect();
  } catch (error) {
    await close(subscriber);
    throw error;
  }
  return subscriber;
}

async function close(subscriber: RedisSubscriber): Promise<void> {
  try {
    if (subscriber.destroy) subscriber.destroy();
    else await subscriber.disconnect?.();
  } catch {
    // It is closed already.
  }
}

/** @returns a function that does its work at the first call only */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}

function asSubscriber(client: RedisSubscriber | IORedisSubscriber): RedisSubscriber {
  return 'isOpen' in client ? client : subscriberOf(client);
}

function isCluster(client: object): boolean {
  return 'masters' in client || ('isCluster' in client && client.isCluster === true);
}
