/** The entry point `…/stores`: stores in Redis and in one file, and the bus of a bridge over Redis. */

// TypeScript 6 loads only the types that are named.
/// <reference types="node" preserve="true" />

export { openEmbeddedStore } from './embedded.js';
export { redisBus, redisStore } from './redis.js';
export type { Bus } from './bus.js';
export type { EmbeddedStore } from './embedded.js';
export type {
  IORedisClient,
  IORedisSubscriber,
  RedisCommands,
  RedisPublisher,
  RedisStore,
  RedisSubscriber,
} from './redis.js';
