/** The configuration: what each command reads from its YAML file, and the checks that need more than one key. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { isLoopbackHost } from '../util/checks.js';
import { parsedURL } from '../util/url.js';
import {
  readAs,
  readYAML,
  text,
  wholeNumber,
  type ConfigFile,
  type ValueKinds,
  type ValueOf,
} from './config-file.js';
import { systemErrorCode, StartError } from './start-error.js';

const instances = [readAs('must hold hosts such as mastodon.social or *.example.com', patternOf)] as const;
const schemes = ['http', 'https'] as const;

/** What `createBridge` and `createIssuer` check is not checked here. */
const kinds = {
  app_name: text,
  app_host: readAs('must be a host name such as auth.example.com, without scheme or path', hostIn),
  app_scheme: readAs('must be http or https', (given) => schemes.find((scheme) => scheme === given)),
  app_website: text,
  db_path: text,
  redis_url: readAs('must be a URL such as redis://localhost:6379', (url) =>
    parsedURL(url) && /^rediss?:\/\/[^/]/.test(url) ? url : undefined,
  ),
  listen: readAs('must be a port, or an address and a port: 127.0.0.1:8080', listenAddress),
  tls: { cert: text, key: text },
  allowed_instances: instances,
  denied_instances: instances,
  trusted_proxies: wholeNumber(0, 10),
  health_token: readAs(
    'must have at least 16 characters, without spaces: openssl rand -hex 16 makes one',
    (token) => (/^[\x21-\x7e]{16,}$/.test(token) ? token : undefined),
  ),
  development_instances: [text],
  private_instances: [text],
} as const;
const required = ['app_name', 'app_host', 'cert', 'key', 'client_id'];

/** A command's part of the configuration. */
export interface OwnKeys {
  /** Also the name of the database. */
  readonly name: string;
  readonly kinds: ValueKinds;
}

/** The configuration of a command with these values of its own keys. */
export type Config<Own = unknown> = ReturnType<typeof readConfig> & { readonly own: Own };

/** @throws StartError that names the file and, where there is one, the line and the key */
export function loadConfig(path: string, command: OwnKeys): Config {
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
export function readConfig(yamlText: string, path: string, command: OwnKeys) {
  const file = readYAML(yamlText, path, { ...kinds, ...command.kinds }, required);
  const values = file.values as ValueOf<typeof kinds>;
  const folder = dirname(resolve(path));
  const { app_name: clientName = '', app_host: host, db_path: database = `${command.name}.mdb` } = values;
  const { hostname, origin: publicURL, protocol } = new URL(`${values.app_scheme ?? 'https'}://${host}`);
  if (protocol === 'http:' && !isLoopbackHost(hostname)) {
    // Codes and tokens would cross the network unencrypted, and servers refuse to send them there.
    const problem = 'must be https unless app_host is localhost; give tls, or put a proxy with TLS before it';
    throw file.mistake('app_scheme', problem);
  }
  if (protocol === 'http:' && values.tls) throw file.mistake('tls', 'is of no use with app_scheme: http');
  return {
    /** `app_scheme` and `app_host`: where browsers reach the service. */
    publicURL,
    listen: values.listen ?? { host: '127.0.0.1', port: 8080 },
    tls: values.tls && readTLS(values.tls, folder, file),
    // The slash at the end distinguishes a folder from a file.
    databasePath: resolve(folder, database) + (database.endsWith('/') ? '/' : ''),
    redisURL: values.redis_url,
    /** Requests with this token may read the counts of `/healthz` from anywhere. */
    healthToken: values.health_token,
    trustedProxies: values.trusted_proxies ?? 0,
    /** Options of both commands. */
    shared: {
      clientName,
      website: values.app_website,
      allowInstance: instanceFilter(values.allowed_instances, values.denied_instances),
      developmentInstances: values.development_instances,
      outbound: { privateInstances: values.private_instances },
    },
    /** The values of the command's own keys. */
    own: file.values as unknown,
    texts: file.texts,
    mistake: file.mistake,
  };
}

/** A host name as browsers write it, with a port if it has one. */
function hostIn(text: string): string | undefined {
  return /[/?#@\\\s]/.test(text) ? undefined : parsedURL(`http://${text}`)?.host;
}

/** `8080`, `:8080` (every address of this machine), `127.0.0.1:8080`, `[::1]:8080`. */
function listenAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, address, port] = /^(?:(\[[\da-f:.]+\]|[a-z\d.-]*):)?(\d{1,5})$/i.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  const bare = address?.replace(/^\[|\]$/g, '');
  return { host: bare === '' ? '::' : (bare ?? '127.0.0.1'), port: Number(port) };
}

/** The hosts of instances that a text means; `*.example.com` for all below a domain. */
function patternOf(text: string): RegExp | undefined {
  const domain = text.toLowerCase().replace(/^\*\./, '');
  // As the login names hosts: without the default port, and without the final dot of DNS.
  const url = /[/?#@*\s]/.test(domain) ? undefined : parsedURL(`https://${domain}`);
  const host = url?.host.replace(/\.(?=:|$)/, '');
  if (!host) return undefined;
  const escaped = host.replaceAll('.', '\\.').replace(/[[\]]/g, '\\$&');
  return new RegExp(`^${text.startsWith('*.') ? '(?:[^.]+\\.)+' : ''}${escaped}$`);
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
export function refusePublishedSecrets({ publicURL, texts, mistake }: Config): void {
  const key = isLoopbackHost(new URL(publicURL).hostname) ? undefined : publishedSecretIn(texts);
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

/** The key of an option: `max_sockets` of `maxSockets`. */
export function keyOf(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The keys of options whose key is not the option's name with underscores. */
const keysOfOptions: Readonly<Record<string, string>> = {
  clientName: 'app_name',
  website: 'app_website',
  publicURL: 'app_host',
  issuerURL: 'app_host',
  scope: 'scopes',
  'outbound.privateInstances': 'private_instances',
};

/**
 * An option's error (`createBridge: clientName must …, and is "…"`) as an error of the configuration; every other error as it
 * is. The value is left out: it may be a secret behind a wrong key, and the line that is named shows it.
 */
export function asConfigError(error: unknown, { mistake }: Config): unknown {
  const message = error instanceof TypeError ? error.message : '';
  const [, missing] = /^create\w+ requires a (\S+) option$/.exec(message) ?? [];
  const [, option = missing, problem = 'is missing'] =
    /^create\w+: ([\w.[\]]+):? (.*?)(?:, and is .*)?$/s.exec(message) ?? [];
  if (option === undefined) return error;
  const key = keysOfOptions[option] ?? keyOf(option).replace(/\[(\d+)\]/g, '.$1');
  // Of a client, the ID is named.
  return mistake(key, problem.startsWith('(') ? `${option} ${problem}` : problem);
}

function readTLS(paths: ValueOf<typeof kinds.tls>, folder: string, { mistake }: ConfigFile) {
  const read = (name: 'cert' | 'key'): Buffer => {
    try {
      return readFileSync(resolve(folder, paths[name] ?? ''));
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
  denied: readonly RegExp[] = [],
): ((host: string) => boolean) | undefined {
  if (allowed === undefined && denied.length === 0) return undefined;
  const isIn = (hosts: readonly RegExp[], host: string) => hosts.some((pattern) => pattern.test(host));
  return (host) => (allowed === undefined || isIn(allowed, host)) && !isIn(denied, host);
}
