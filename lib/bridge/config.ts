/** The service's configuration: a YAML file in, checked settings out, and a clear message where it is wrong. */

import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ConfigError, parseYAML, type Entry } from './checked-yaml.js';
import {
  codeOf,
  instanceFilter,
  readHost,
  readHosts,
  readLimits,
  readListen,
  readName,
  readOrigins,
  readPath,
  readRedisURL,
  readScheme,
  readScopes,
  readTLS,
  readWebsite,
  resolveKeepingSlash,
  type ListenAddress,
  type TLSFiles,
} from './config-values.js';

export { ConfigError };

export interface ServiceConfig {
  readonly clientName: string;
  /** `app_scheme` and `app_host`: where browsers and clients reach the service. */
  readonly publicURL: string;
  readonly website?: string;
  /** Separated by spaces. */
  readonly scope?: string;
  readonly listen: ListenAddress;
  readonly path: string;
  readonly tls?: TLSFiles;
  readonly databasePath: string;
  readonly redisURL?: string;
  readonly allowInstance?: (host: string) => boolean;
  readonly origins?: readonly string[];
  readonly trustedProxies: number;
  readonly developmentInstances: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** An error that names the line of a key, for what turns out wrong only when it is used. */
  mistake(key: ConfigKey, problem: string): ConfigError;
}

const keys = [
  'app_name',
  'app_host',
  'app_scheme',
  'app_website',
  'db_path',
  'scopes',
  'listen',
  'path',
  'tls',
  'allowed_instances',
  'denied_instances',
  'redis_url',
  'origins',
  'trusted_proxies',
  'limits',
  'development_instances',
] as const;

export type ConfigKey = (typeof keys)[number];

/** @throws ConfigError that names the file and, where there is one, the line and the key */
export async function loadConfig(path: string): Promise<ServiceConfig> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${path}: cannot be read (${codeOf(error)})`);
  }
  return readConfig(text, path);
}

/** Paths in the file are taken from the folder it lies in. */
export async function readConfig(text: string, path: string): Promise<ServiceConfig> {
  const file = await parseYAML(text, basename(path));
  const folder = dirname(resolve(path));
  const entries = file.record(keys);
  const required = (key: ConfigKey): Entry => {
    const entry = entries.get(key);
    return entry ?? file.fail(`${key}: is missing`);
  };
  const given = <T>(key: ConfigKey, read: (entry: Entry) => T): T | undefined => {
    const entry = entries.get(key);
    return entry && read(entry);
  };

  const clientName = readName(required('app_name'));
  const host = readHost(required('app_host'));
  const website = given('app_website', readWebsite);
  const scope = given('scopes', readScopes);
  const tls = given('tls', (entry) => readTLS(entry, folder));
  const redisURL = given('redis_url', readRedisURL);
  const allowInstance = instanceFilter(
    given('allowed_instances', readHosts),
    given('denied_instances', readHosts),
  );
  const origins = given('origins', readOrigins);
  return {
    clientName,
    publicURL: new URL(`${readScheme(entries.get('app_scheme'), host)}://${host}`).origin,
    ...(website !== undefined && { website }),
    ...(scope !== undefined && { scope }),
    listen: given('listen', readListen) ?? { host: '127.0.0.1', port: 8080 },
    path: given('path', readPath) ?? '/',
    ...(tls && { tls }),
    databasePath: resolveKeepingSlash(folder, given('db_path', (entry) => entry.text()) ?? 'authenticator.mdb'),
    ...(redisURL !== undefined && { redisURL }),
    ...(allowInstance && { allowInstance }),
    ...(origins && { origins }),
    trustedProxies: given('trusted_proxies', (entry) => entry.integer(0, 10)) ?? 0,
    developmentInstances: given('development_instances', readOrigins) ?? [],
    limits: given('limits', readLimits) ?? {},
    mistake: (key, problem) =>
      new ConfigError(`${entries.get(key)?.place ?? `${file.place}: ${key}`}: ${problem}`),
  };
}

