/** Where the service keeps its data and how its processes reach each other: a database file, or Redis. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStore, redisBus, redisStore } from '../stores/index.js';
import type { Config } from './config.js';
import type { Log } from './log.js';
import { connectRedis } from './redis-connection.js';
import type { Backends } from './runnable.js';

export interface OpenBackends extends Backends {
  close(): Promise<void>;
}

/**
 * @param command names the file in a folder that is given as `db_path`
 * @throws StartError that names the key which says where the data is
 */
export async function openBackends(config: Config, command: string, log: Log): Promise<OpenBackends> {
  if (config.redisURL !== undefined) return openRedis(config, config.redisURL, log);
  return openFile(config, databaseFile(config.databasePath, command));
}

/** Where the database of a `db_path` is: the path itself, or a file in it where it is a folder. */
function databaseFile(path: string, command: string): string {
  const isFolder = path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(path, `${command}.mdb`) : path;
}

async function openFile(config: Config, file: string): Promise<OpenBackends> {
  try {
    const store = await openEmbeddedStore(file);
    return { store, bus: undefined, close: () => store.close() };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    if (code === 'UNSAFE_FILE') throw config.mistake('db_path', message);
    const problem =
      code === 'NO_DATABASE'
        ? 'is the file of another program; name one that does not exist yet'
        : `${config.databasePath} cannot be used (${typeof code === 'string' ? code : 'unknown error'})`;
    throw config.mistake('db_path', problem);
  }
}

async function openRedis(config: Config, url: string, log: Log): Promise<OpenBackends> {
  try {
    const client = await connectRedis(url, log);
    return { store: redisStore(client), bus: redisBus(client), close: async () => client.destroy() };
  } catch (error) {
    const { code, name } = error as { code?: unknown; name: string };
    throw config.mistake('redis_url', `cannot be reached (${typeof code === 'string' ? code : name})`, 1);
  }
}
