/** The configuration: what each command reads from its YAML file, and the checks that need more than one key. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import * as v from 'valibot';
import { isLoopbackHost } from '../util/checks.js';
import { readYAML, type ConfigFile } from './config-file.js';
import * as s from './schemas.js';
import { systemErrorCode, StartError } from './start-error.js';

const keys = {
  app_name: s.name,
  app_host: s.host,
  app_scheme: v.optional(s.choice('http', 'https'), 'https'),
  app_website: v.optional(s.website),
  db_path: v.optional(s.text),
  redis_url: v.optional(s.redisURL),
  listen: v.optional(s.listen, '127.0.0.1:8080'),
  tls: v.optional(s.table({ cert: s.text, key: s.text })),
  allowed_instances: v.optional(s.instances),
  denied_instances: v.optional(s.instances, []),
  trusted_proxies: v.optional(s.integer(0, 10), '0'),
  health_token: v.optional(s.secret),
  development_instances: v.optional(s.origins, []),
  private_instances: v.optional(s.list(s.privateHost), []),
};

type Values<Keys extends v.ObjectEntries> = v.InferOutput<v.StrictObjectSchema<Keys, undefined>>;

/** A command's part of the configuration. */
export interface OwnKeys<Keys extends v.ObjectEntries> {
  /** Also the name of the database. */
  readonly name: string;
  readonly keys: Keys;
}

/** The configuration of a command with these keys. */
export type ConfigOf<Keys extends v.ObjectEntries> = ReturnType<typeof readConfig<Keys>>;

/** The configuration of every command. */
export type Config = Omit<ConfigOf<v.ObjectEntries>, 'own'> & { readonly own: unknown };

/** @throws StartError that names the file and, where there is one, the line and the key */
export function loadConfig<Keys extends v.ObjectEntries>(
  path: string,
  command: OwnKeys<Keys>,
): ConfigOf<Keys> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const way = '--config names another file, --print-config prints an example';
    throw new StartError(`${path}: cannot be read (${systemErrorCode(error)}); ${way}`);
  }
  const config = readConfig(text, path, command);
  refusePublishedSecrets(config);
  return config;
}

/** @throws StartError with a line for each error */
export function readConfig<Keys extends v.ObjectEntries>(text: string, path: string, command: OwnKeys<Keys>) {
  const file = readYAML(text, path, s.table({ ...keys, ...command.keys }));
  const values = file.values as Values<typeof keys>;
  const folder = dirname(resolve(path));
  const { app_scheme: scheme, app_host: host, db_path: database = `${command.name}.mdb` } = values;
  const { hostname, origin: publicURL } = new URL(`${scheme}://${host}`);
  if (scheme === 'http' && !isLoopbackHost(hostname)) {
    // Codes and tokens would cross the network unencrypted, and servers refuse to send them there.
    const problem = 'must be https unless app_host is localhost; give tls, or put a proxy with TLS before it';
    throw file.mistake('app_scheme', problem);
  }
  if (scheme === 'http' && values.tls) throw file.mistake('tls', 'is of no use with app_scheme: http');
  return {
    clientName: values.app_name,
    /** `app_scheme` and `app_host`: where browsers reach the service. */
    publicURL,
    website: values.app_website,
    listen: values.listen,
    tls: values.tls && readTLS(values.tls, folder, file),
    // The slash at the end distinguishes a folder from a file.
    databasePath: resolve(folder, database) + (database.endsWith('/') ? '/' : ''),
    redisURL: values.redis_url,
    allowInstance: instanceFilter(values.allowed_instances, values.denied_instances),
    trustedProxies: values.trusted_proxies,
    developmentInstances: values.development_instances,
    outbound: { privateInstances: values.private_instances },
    /** Requests with this token may read the counts of `/healthz` from anywhere. */
    healthToken: values.health_token,
    /** All values of the file by their keys, among them the command's own. */
    own: file.values as unknown as Values<Keys>,
    mistake: file.mistake,
  };
}

/** Secrets that documentation and examples show. */
const publishedSecrets: ReadonlySet<string> = new Set([
  'replace this by the output of openssl rand -base64 32',
  'replace this by the output of openssl rand -hex 32',
  'replace-this-by-the-output-of-openssl-rand-hex-32',
  'only for trying it out on this machine',
  '1f0d8a5b6c7e4f3a9b2c',
]);

/** @throws StartError for a secret that is public, unless the service is on loopback */
export function refusePublishedSecrets({ publicURL, own, mistake }: Config): void {
  const key = isLoopbackHost(new URL(publicURL).hostname) ? undefined : publishedSecretIn(own);
  if (key === undefined) return;
  throw mistake(key, "is the example's, which is public: make one with openssl rand -hex 32");
}

/** The key of a published secret, with the keys around it. */
function publishedSecretIn(value: unknown, path: readonly string[] = []): string | undefined {
  if (typeof value === 'string') return publishedSecrets.has(value.trim()) ? path.join('.') : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const found = publishedSecretIn(inner, [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The keys of options with another name. */
const keysOfOptions: Readonly<Record<string, string>> = {
  clientName: 'app_name',
  website: 'app_website',
  publicURL: 'app_host',
  issuerURL: 'app_host',
  scope: 'scopes',
};

/** An option's error (`createBridge: clientName must …`) as an error of the configuration; every other error as it is. */
export function asConfigError(error: unknown, { mistake }: Config): unknown {
  const [, problem = '', option] =
    /^create\w+: ((?:there is no )?(\w+).*)$/s.exec(error instanceof TypeError ? error.message : '') ?? [];
  return option === undefined ? error : mistake(keysOfOptions[option] ?? option, problem);
}

function readTLS(
  paths: { readonly cert: string; readonly key: string },
  folder: string,
  { mistake }: ConfigFile<unknown>,
) {
  const read = (name: 'cert' | 'key'): Buffer => {
    try {
      return readFileSync(resolve(folder, paths[name]));
    } catch (error) {
      throw mistake(`tls.${name}`, `cannot be read (${systemErrorCode(error)})`);
    }
  };
  const tls = { cert: read('cert'), key: read('key') };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw mistake(
      'tls',
      `cert and key are not a certificate and its private key (${systemErrorCode(error)})`,
    );
  }
  return tls;
}

/** Undefined where all instances are allowed. A denied instance is denied also where it is allowed. */
function instanceFilter(
  allowed: readonly RegExp[] | undefined,
  denied: readonly RegExp[],
): ((host: string) => boolean) | undefined {
  if (allowed === undefined && denied.length === 0) return undefined;
  const isIn = (hosts: readonly RegExp[], host: string) => hosts.some((pattern) => pattern.test(host));
  return (host) => (allowed === undefined || isIn(allowed, host)) && !isIn(denied, host);
}
