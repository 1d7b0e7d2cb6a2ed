/** Opens each store that needs no server, in this process or another. */

import { createClient } from '@redis/client';
import { Keyv } from 'keyv';
import type { KeyValueStore } from '../../lib/options.js';
import { openEmbeddedStore, redisStore } from '../../lib/stores/index.js';
import { JSONStore } from '../support/json-store.js';
import type { Opener, OpenStore } from '../support/open-store.js';
import { redisKeyv } from '../support/redis-keyv.js';

const opened = (backend: KeyValueStore | undefined, close = async () => undefined as void): OpenStore => ({
  backend,
  close,
});

export const byDefault = async () => opened(undefined);
export const map = async () => opened(new Map<string, unknown>());
export const keyv = async () => opened(new Keyv());

/** Simulates a database: a store that is opened again under the same name has the same records. */
const places = new Map<string, JSONStore>();
function at(place: string): JSONStore {
  const store = places.get(place) ?? new JSONStore();
  places.set(place, store);
  return store;
}

export const plain = async (place: string) => opened(at(place));

export async function silentDelete(place: string): Promise<OpenStore> {
  const inner = at(place);
  return opened({
    get: (key) => inner.get(key),
    set: (key, value) => inner.set(key, value),
    delete: async (key) => void (await inner.delete(key)),
  });
}

export async function embedded(path: string): Promise<OpenStore> {
  const store = await openEmbeddedStore(path);
  return opened(store, () => store.close());
}

export async function embeddedInKeyv(path: string): Promise<OpenStore> {
  const store = await openEmbeddedStore(path);
  return opened(new Keyv({ store }), () => store.close());
}

export async function redis(url: string): Promise<OpenStore> {
  // A command fails at once while Redis is down.
  const client = createClient({ url, disableOfflineQueue: true });
  client.on('error', () => undefined);
  await client.connect();
  return opened(redisStore(client), async () => client.destroy());
}

export async function redisInKeyv(url: string): Promise<OpenStore> {
  const { keyv: backend, close } = redisKeyv(url);
  return opened(backend, close);
}

export const inFile = (path: string): Opener => [__filename, 'embedded', path];
export const redisOnly = (url: string): Opener => [__filename, 'redis', url];
export const keyvOnRedis = (url: string): Opener => [__filename, 'redisInKeyv', url];
