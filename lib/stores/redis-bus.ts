/** A bus over Redis, for processes that share one. */

import type { Bus } from './bus.js';

/** What is used of a client of node-redis (`redis`, `@redis/client`; 4 and later). */
export interface RedisPublisher {
  publish(channel: string, text: string): Promise<unknown>;
  duplicate(): RedisSubscriber;
}

export interface RedisSubscriber {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  destroy?(): unknown;
  disconnect?(): unknown;
}

/**
 * Between processes, over Redis.
 * @param client a connected client of node-redis
 * @param subscriber a connection of its own for listening, as Redis wants it. Default: a duplicate of `client`,
 *   opened at the first subscription and closed after the last
 */
export function redisBus(client: RedisPublisher, subscriber?: RedisSubscriber): Bus {
  let own: Promise<RedisSubscriber> | undefined;
  let subscriptions = 0;

  const connection = async (): Promise<RedisSubscriber> => {
    if (subscriber) return subscriber;
    own ??= connected(client.duplicate()).catch((error: unknown) => {
      own = undefined;
      throw error;
    });
    return own;
  };
  return {
    publish: (channel, text) => client.publish(channel, text),
    async subscribe(channel, listener) {
      const listening = await connection();
      await listening.subscribe(channel, listener);
      subscriptions++;
      return async () => {
        await listening.unsubscribe(channel, listener).catch(() => undefined);
        if (--subscriptions > 0 || listening === subscriber) return;
        own = undefined;
        if (listening.destroy) listening.destroy();
        else await listening.disconnect?.();
      };
    },
  };
}

async function connected(subscriber: RedisSubscriber): Promise<RedisSubscriber> {
  // Without a listener an error would end the process; the client connects and subscribes again by itself.
  subscriber.on('error', () => undefined);
  if (!subscriber.isOpen) await subscriber.connect();
  return subscriber;
}
