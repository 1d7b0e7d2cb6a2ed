/** Where the service keeps its data and how its processes reach each other: a database file, or Redis. */

import type { RedisClientType } from '@redis/client';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStore, redisBus, redisStore } from '../stores/index.js';
import type { Config } from './config.js';
import type { KeyValueStore } from '../options.js';
import type { Bus } from '../stores/bus.js';
import type { Log } from './log.js';
import { systemErrorCode } from './start-error.js';

/** The store that processes share or keep over a restart. */
export interface Backends {
  readonly store: KeyValueStore;
  /** Absent from a service of one process. */
  readonly bus?: Bus;
  close(): Promise<void>;
}

/**
 * @param command names the file in a folder that is given as `db_path`
 * @throws StartError that names the key at fault
 */
export async function openBackends(config: Config, command: string, log: Log): Promise<Backends> {
  const { redisURL, databasePath } = config;
  if (redisURL !== undefined) {
    try {
      const client = await connectRedis(redisURL, log);
      return { store: redisStore(client), bus: redisBus(client), close: async () => client.destroy() };
    } catch (error) {
      throw config.mistake('redis_url', `cannot be reached (${systemErrorCode(error)})`, 1);
    }
  }
  try {
    const store = await openEmbeddedStore(databaseFile(databasePath, command));
    return { store, close: () => store.close() };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'UNSAFE_FILE') throw config.mistake('db_path', (error as Error).message);
    const problems: Readonly<Record<string, string>> = {
      NO_DATABASE: 'is the file of another program; name one that does not exist yet',
      DAMAGED_DATABASE:
        'is damaged or was cut short; restore a backup, or move it away to begin with an empty one',
    };
    throw config.mistake('db_path', problems[code] ?? `${databasePath} cannot be used (${code})`);
  }
}

/** Where the database of a `db_path` is: the path itself, or a file in it where it is a folder. */
function databaseFile(path: string, command: string): string {
  const isFolder = path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(path, `${command}.mdb`) : path;
}

/** How long a start waits for Redis, and the longest time between two attempts to reconnect. */
const redisTimeoutMs = 5_000;

/** Rejects if Redis cannot be reached now. A connection that is lost later is opened again. */
export async function connectRedis(url: string, log: Log): Promise<RedisClientType> {
  const { createClient } = await import('@redis/client');
  let isStarted = false;
  let isLost = false;
  const client = createClient({
    url,
    socket: {
      connectTimeout: redisTimeoutMs,
      reconnectStrategy: (attempts) => isStarted && Math.min(attempts * 100, redisTimeoutMs),
    },
  });
  // One line for each change, however many attempts there are in between.
  client.on('error', (error: unknown) => {
    if (isStarted && !isLost) log('redis_lost', { error });
    isLost = true;
  });
  client.on('ready', () => {
    if (isStarted && isLost) log('redis_found');
    isLost = false;
  });
  await client.connect();
  isStarted = true;
  return client as unknown as RedisClientType;
}
