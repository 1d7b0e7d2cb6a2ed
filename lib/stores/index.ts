/**
 * Where logins and credentials are kept, and how processes reach each other: in a file (with the package lmdb), or in
 * Redis. Loads neither before it is asked to.
 */

// To TypeScript from version 6, no types are there that nobody names.
/// <reference types="node" preserve="true" />

export { openEmbeddedStore } from './embedded.js';
export { redisBus } from './redis-bus.js';
export { redisStore } from './redis-store.js';
export type { Bus } from './bus.js';
export type { EmbeddedStore } from './embedded.js';
export type { IORedisClient, IORedisSubscriber } from './ioredis.js';
export type { RedisCommands, RedisPublisher, RedisSubscriber } from './node-redis.js';
export type { RedisStore } from './redis-store.js';
