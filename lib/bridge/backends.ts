/** Where the service keeps its data and how its processes reach each other: a database file, or Redis. */

import type { KeyValueStore } from '../options.js';
import { redisBus, type Bus } from './bus.js';
import type { ServiceConfig } from './config.js';
import type { Log } from './log.js';

export interface Backends {
  readonly store: KeyValueStore;
  /** Absent from a service of one process. */
  readonly bus: Bus | undefined;
  close(): Promise<void>;
}

/** @throws StartError that names the key which says where the data is */
export async function openBackends(config: ServiceConfig, log: Log): Promise<Backends> {
  return config.redisURL === undefined ? openFile(config) : openRedis(config, config.redisURL, log);
}

async function openFile(config: ServiceConfig): Promise<Backends> {
  const { openEmbeddedStore } = await import('./lmdb-store.js');
  try {
    const store = await openEmbeddedStore(config.databasePath);
    return { store, bus: undefined, close: () => store.close() };
  } catch (error) {
    const { code } = error as { code?: unknown };
    const problem =
      code === 'NO_DATABASE'
        ? 'is the file of another program; name one that does not exist yet'
        : `${config.databasePath} cannot be used (${typeof code === 'string' ? code : 'unknown error'})`;
    throw config.mistake('db_path', problem);
  }
}

async function openRedis(config: ServiceConfig, url: string, log: Log): Promise<Backends> {
  const { connectRedis, redisStore } = await import('./redis-store.js');
  try {
    const client = await connectRedis(url, log);
    return { store: redisStore(client), bus: redisBus(client), close: async () => client.destroy() };
  } catch (error) {
    const { code, name } = error as { code?: unknown; name: string };
    throw config.mistake('redis_url', `cannot be reached (${typeof code === 'string' ? code : name})`, 1);
  }
}
