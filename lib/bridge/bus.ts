/** Carries results between processes: the login may end on another one than holds the client's socket. */

/** Publish and subscribe, as Redis has it. A channel's name and what is sent are text. */
export interface Bus {
  /**
   * May answer how many heard it, as Redis does: 0 means that the other process is gone. A count that is not of all
   * processes, such as a Redis cluster's, must not be answered.
   */
  publish(channel: string, text: string): Promise<unknown>;
  /** Answers how to unsubscribe. */
  subscribe(channel: string, listener: (text: string) => void): Promise<() => unknown>;
}

/** Within one process. */
export function localBus(): Bus {
  const channels = new Map<string, Set<(text: string) => void>>();
  return {
    async publish(channel, text) {
      const listeners = channels.get(channel);
      for (const listener of listeners ?? []) listener(text);
      return listeners?.size ?? 0;
    },
    async subscribe(channel, listener) {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) channels.delete(channel);
      };
    },
  };
}

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
