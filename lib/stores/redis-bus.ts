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
  let subscriptions = 0;

  const connection = async (): Promise<RedisSubscriber> => {
    if (subscriber) return subscriber;
    own ??= ready(client.duplicate()).catch((error: unknown) => {
      own = undefined;
      throw error;
    });
    return own;
  };
  return {
    async publish(channel, text) {
      const heard = await client.publish(channel, text);
      // A node of a cluster counts its own subscribers only.
      return isCluster(connected) ? undefined : heard;
    },
    async subscribe(channel, listener) {
      const open = await connection();
      await open.subscribe(channel, listener);
      subscriptions++;
      return async () => {
        await open.unsubscribe(channel, listener).catch(() => undefined);
        if (--subscriptions > 0 || open === subscriber) return;
        own = undefined;
        if (open.destroy) open.destroy();
        else await open.disconnect?.();
      };
    },
  };
}

async function ready(subscriber: RedisSubscriber): Promise<RedisSubscriber> {
  // An error without a listener ends the process. The client connects and subscribes again by itself.
  subscriber.on('error', () => undefined);
  if (!subscriber.isOpen) await subscriber.connect();
  return subscriber;
}

function asSubscriber(client: RedisSubscriber | IORedisSubscriber): RedisSubscriber {
  return 'isOpen' in client ? client : subscriberOf(client);
}

function isCluster(client: object): boolean {
  return 'masters' in client || ('isCluster' in client && client.isCluster === true);
}
