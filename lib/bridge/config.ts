/** The service's configuration: a YAML file in, checked settings out, and a clear message where it is wrong. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StartError, parseYAML, type Entry } from './checked-yaml.js';
import {
  codeOf,
  instanceFilter,
  readHost,
  readHosts,
  readLimits,
  readListen,
  readName,
  readOrigins,
  readPageOrigins,
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
import { limitDefaults, type BridgeLimits } from './options.js';

export interface ServiceConfig {
  readonly clientName: string;
  /** `app_scheme` and `app_host`: where browsers and clients reach the service. */
  readonly publicURL: string;
  readonly website: string | undefined;
  /** Separated by spaces. */
  readonly scope: string | undefined;
  readonly listen: ListenAddress;
  readonly path: string;
  readonly tls: TLSFiles | undefined;
  readonly databasePath: string;
  readonly redisURL: string | undefined;
  readonly allowInstance: ((host: string) => boolean) | undefined;
  readonly origins: readonly string[] | undefined;
  readonly trustedProxies: number;
  readonly developmentInstances: readonly string[];
  readonly limits: Partial<BridgeLimits>;
  /** An error that names the line of a key, for what turns out wrong only when it is used. */
  mistake(key: ConfigKey, problem: string, status?: 1 | 2): StartError;
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

/** @throws StartError that names the file and, where there is one, the line and the key */
export async function loadConfig(path: string): Promise<ServiceConfig> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(`${path}: cannot be read (${codeOf(error)})`);
  }
  return readConfig(text, path);
}

/** Paths in the file are taken from the folder it lies in. */
export async function readConfig(text: string, path: string): Promise<ServiceConfig> {
  const file = await parseYAML(text, path);
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

  const host = readHost(required('app_host'));
  const scheme = readScheme(entries.get('app_scheme'), host);
  const tls = given('tls', (entry) => readTLS(entry, folder, scheme));
  const databasePath = given('db_path', (entry) => entry.text()) ?? 'authenticator.mdb';
  return {
    clientName: readName(required('app_name')),
    publicURL: new URL(`${scheme}://${host}`).origin,
    website: given('app_website', readWebsite),
    scope: given('scopes', readScopes),
    listen: given('listen', readListen) ?? { host: '127.0.0.1', port: 8080 },
    path: given('path', readPath) ?? '/',
    tls,
    databasePath: resolveKeepingSlash(folder, databasePath),
    redisURL: given('redis_url', readRedisURL),
    allowInstance: instanceFilter(
      given('allowed_instances', readHosts),
      given('denied_instances', readHosts),
    ),
    origins: given('origins', readPageOrigins),
    trustedProxies: given('trusted_proxies', (entry) => entry.integer(0, 10)) ?? 0,
    developmentInstances: given('development_instances', readOrigins) ?? [],
    limits: given('limits', (entry) => readLimits(entry, limitDefaults)) ?? {},
    mistake: (key, problem, status) =>
      new StartError(`${entries.get(key)?.place ?? `${file.place}: ${key}`}: ${problem}`, status),
  };
}
