/** The configuration: a YAML file in, checked settings out, and a clear message where it is wrong. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StartError, parseYAML, type Entry } from './checked-yaml.js';
import {
  codeOf,
  instanceFilter,
  readHost,
  readHosts,
  readListen,
  readName,
  readOrigins,
  readRedisURL,
  readScheme,
  readSecret,
  readTLS,
  readWebsite,
  resolveKeepingSlash,
  type ListenAddress,
  type TLSFiles,
} from './config-values.js';

/** What every command is told. */
export interface Config {
  readonly clientName: string;
  /** `app_scheme` and `app_host`: where the service is reached. */
  readonly publicURL: string;
  readonly website: string | undefined;
  readonly listen: ListenAddress;
  readonly tls: TLSFiles | undefined;
  readonly databasePath: string;
  readonly redisURL: string | undefined;
  readonly allowInstance: ((host: string) => boolean) | undefined;
  readonly trustedProxies: number;
  readonly developmentInstances: readonly string[];
  /** Who has it may read the counts of `/healthz` from anywhere. */
  readonly healthToken: string | undefined;
  /** An error that names the line of a key, for what turns out wrong only when it is used. */
  mistake(key: CommonKey, problem: string, status?: 1 | 2): StartError;
}

const commonKeys = [
  'app_name',
  'app_host',
  'app_scheme',
  'app_website',
  'db_path',
  'redis_url',
  'listen',
  'tls',
  'allowed_instances',
  'denied_instances',
  'trusted_proxies',
  'health_token',
  'development_instances',
] as const;

export type CommonKey = (typeof commonKeys)[number];

/** The values of a file by their keys. */
export class ConfigFile<K extends string> {
  private readonly entries: ReadonlyMap<string, Entry>;

  constructor(
    private readonly file: Entry,
    keys: readonly K[],
    /** From which paths in the file are taken. */
    readonly folder: string,
  ) {
    this.entries = file.record(keys);
  }

  required(key: K): Entry {
    return this.entries.get(key) ?? this.file.fail(`${key}: is missing`);
  }

  /** What `read` makes of the value; `undefined` where the file has none. */
  given<T>(key: K, read: (entry: Entry) => T): T | undefined {
    const entry = this.entries.get(key);
    return entry && read(entry);
  }

  mistake(key: K, problem: string, status?: 1 | 2): StartError {
    const place = this.entries.get(key)?.place ?? `${this.file.place}: ${key}`;
    return new StartError(`${place}: ${problem}`, status);
  }
}

/**
 * A command's own part of the configuration.
 * @typeParam K its keys, beside those that all commands have
 * @typeParam Own what it makes of them
 */
export interface OwnKeys<K extends string, Own extends object> {
  /** The command's, after which the database is called. */
  readonly name: string;
  readonly keys: readonly K[];
  /** @throws StartError that names the key at fault */
  read(file: ConfigFile<K>): Own;
}

/** @throws StartError that names the file and, where there is one, the line and the key */
export async function loadConfig<K extends string, Own extends object>(
  path: string,
  command: OwnKeys<K, Own>,
): Promise<Config & Own> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(`${path}: cannot be read (${codeOf(error)})`);
  }
  return readConfig(text, path, command);
}

export async function readConfig<K extends string, Own extends object>(
  text: string,
  path: string,
  command: OwnKeys<K, Own>,
): Promise<Config & Own> {
  const keys = [...commonKeys, ...command.keys];
  const file = new ConfigFile<CommonKey | K>(await parseYAML(text, path), keys, dirname(resolve(path)));
  return { ...readCommon(file, command.name), ...command.read(file) };
}

function readCommon(file: ConfigFile<CommonKey>, command: string): Config {
  const host = readHost(file.required('app_host'));
  const scheme = readScheme(
    file.given('app_scheme', (entry) => entry),
    host,
  );
  const databasePath = file.given('db_path', (entry) => entry.text()) ?? `${command}.mdb`;
  return {
    clientName: readName(file.required('app_name')),
    publicURL: new URL(`${scheme}://${host}`).origin,
    website: file.given('app_website', readWebsite),
    listen: file.given('listen', readListen) ?? { host: '127.0.0.1', port: 8080 },
    tls: file.given('tls', (entry) => readTLS(entry, file.folder, scheme)),
    databasePath: resolveKeepingSlash(file.folder, databasePath),
    redisURL: file.given('redis_url', readRedisURL),
    allowInstance: instanceFilter(
      file.given('allowed_instances', readHosts),
      file.given('denied_instances', readHosts),
    ),
    trustedProxies: file.given('trusted_proxies', (entry) => entry.integer(0, 10)) ?? 0,
    developmentInstances: file.given('development_instances', readOrigins) ?? [],
    healthToken: file.given('health_token', readSecret),
    mistake: (key, problem, status) => file.mistake(key, problem, status),
  };
}
