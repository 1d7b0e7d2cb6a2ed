/** A store and a bus in Redis or Valkey, over a client of node-redis, ioredis or iovalkey. */

import { randomUUID } from 'node:crypto';
import type { KeyValueStore } from '../options.js';
import { Checks } from '../util/checks.js';
import type { Bus } from './bus.js';

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
 * @throws TypeError for another value, such as an address or a promise
 * @example
 * const client = createClient({ url: 'redis://localhost:6379' }).on('error', console.error);
 * const store = redisStore(await client.connect());
 */
export function redisStore(connected: RedisCommands | IORedisClient): RedisStore {
  const client = isIORedis(connected) ? commandsOf(connected) : connected;
  new Checks('redisStore').methods('client', client, ['get', 'set', 'del']);
  return {
    async get<T>(key: string) {
      const text = await client.get(key);
      if (text === null || text === undefined) return undefined;
      // This is the reply to another command: the client assigns replies to the wrong commands.
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
  new Checks('redisBus').methods('client', client, ['publish']);
  const given = listening && ('isOpen' in listening ? listening : subscriberOf(listening));
  let own: Promise<RedisSubscriber> | undefined;
  /** Subscriptions that began at `own` and have not ended. */
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
      const received = await client.publish(channel, text);
      // A node of a cluster counts its own subscribers only.
      return isCluster(connected) ? undefined : received;
    },
    async subscribe(channel, listener) {
      if (given) {
        await given.subscribe(channel, listener);
        return async () => given.unsubscribe(channel, listener).catch(() => undefined);
      }
      users++;
      try {
        own ??= opened(client.duplicate());
        const subscriber = await own;
        await subscriber.subscribe(channel, listener);
        let ending: Promise<void> | undefined;
        return () => (ending ??= end());
        async function end(): Promise<void> {
          if (users > 1) await subscriber.unsubscribe(channel, listener).catch(() => undefined);
          await release();
        }
      } catch (error) {
        await release();
        throw error;
      }
    },
  };
}

/** How long a subscription waits for its connection. Milliseconds. */
const connectMs = 5_000;

/**
 * @throws the error of `connect`. The connection is closed then, because clients retry by themselves, and would keep a
 *   process from ending after its bridge was closed.
 */
async function opened(subscriber: RedisSubscriber): Promise<RedisSubscriber> {
  // An error without a listener ends the process. The client connects and subscribes again by itself.
  subscriber.on('error', () => undefined);
  const giveUp = setTimeout(() => void close(subscriber), connectMs).unref();
  try {
    if (!subscriber.isOpen) await subscriber.connect();
  } catch (error) {
    await close(subscriber);
    throw error;
  } finally {
    clearTimeout(giveUp);
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

function isCluster(client: object): boolean {
  return 'masters' in client || ('isCluster' in client && client.isCluster === true);
}

function isIORedis(client: object): client is IORedisClient {
  const { status, call } = Object(client) as Partial<IORedisClient>;
  return typeof status === 'string' && call !== undefined;
}

function commandsOf(client: IORedisClient): RedisCommands & RedisPublisher {
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
function subscriberOf(client: IORedisSubscriber): RedisSubscriber {
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
