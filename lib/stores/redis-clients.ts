/** The methods used of Redis clients, and an adapter from ioredis and iovalkey to those of node-redis. */

/** The commands for values, of a client of node-redis (`redis` or `@redis/client`) or of its cluster client. */
export interface RedisCommands {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options?: { PX?: number; NX?: true }): Promise<unknown>;
  del(key: string): Promise<unknown>;
  /** Without it the store has no locks of its own. */
  eval?(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** The commands for messages, of the same clients. */
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

/** The methods used of a client of ioredis 5 and later: a `Redis` or a `Cluster`. */
export interface IORedisClient {
  readonly status: string;
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  duplicate(): IORedisSubscriber;
}

export interface IORedisSubscriber {
  readonly status: string;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: 'message', listener: (channel: string, text: string) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  disconnect(): unknown;
}

export function isIORedis<T extends object>(client: T | IORedisClient): client is IORedisClient {
  return 'status' in client && typeof client.status === 'string' && 'call' in client;
}

export function commandsOf(client: IORedisClient): RedisCommands & RedisPublisher {
  return {
    get: (key) => client.call('get', key),
    set: (key, value, { PX, NX } = {}) =>
      client.call('set', key, value, ...(PX === undefined ? [] : ['PX', PX]), ...(NX ? ['NX'] : [])),
    del: (key) => client.call('del', key),
    eval: (script, { keys, arguments: args }) => client.call('eval', script, keys.length, ...keys, ...args),
    publish: (channel, text) => client.call('publish', channel, text),
    duplicate: () => subscriberOf(client.duplicate()),
  };
}

/** ioredis connects by itself, and has one subscription for all listeners of a channel. */
export function subscriberOf(client: IORedisSubscriber): RedisSubscriber {
  const channels = new Map<string, Set<(text: string) => void>>();
  client.on('message', (channel, text) => {
    for (const listener of channels.get(channel) ?? []) listener(text);
  });
  return {
    isOpen: true,
    connect: async () => undefined,
    async subscribe(channel, listener) {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(listener));
      await client.subscribe(channel);
    },
    async unsubscribe(channel, listener) {
      const listeners = channels.get(channel);
      listeners?.delete(listener);
      if (listeners?.size !== 0) return;
      channels.delete(channel);
      await client.unsubscribe(channel);
    },
    on: (event, listener) => client.on(event, listener),
    disconnect: () => client.disconnect(),
  };
}
