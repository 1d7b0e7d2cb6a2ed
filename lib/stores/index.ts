/** The entry point `…/stores`: stores in Redis and in one file, and the bus of a bridge over Redis. */

// TypeScript 6 loads only the types that are named.
/// <reference types="node" preserve="true" />

export { openEmbeddedStore } from './embedded.js';
export { redisBus } from './redis-bus.js';
export { redisStore } from './redis-store.js';
export type { Bus } from './bus.js';
export type { EmbeddedStore } from './embedded.js';
export type {
  IORedisClient,
  IORedisSubscriber,
  RedisCommands,
  RedisPublisher,
  RedisSubscriber,
} from './redis-clients.js';
export type { RedisStore } from './redis-store.js';
