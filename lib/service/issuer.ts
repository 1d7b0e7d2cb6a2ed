/** `passport-mastodon-oauth2 issuer`: the OpenID provider, from a YAML file. */

import { isLoopbackHost } from '../util/checks.js';
import { createIssuer, type Issuer, type IssuerClient, type IssuerOptions } from '../issuer/index.js';
import { escape, messagePage, sendPage } from '../pages/page.js';
import type { Entry, StartError } from './checked-yaml.js';
import { readPath } from './config-values.js';
import type { Config } from './config.js';
import type { Log } from './log.js';
import type { Backends, Command } from './runnable.js';

const keys = [
  'path',
  'clients',
  'device_flow',
  'client_documents',
  'introspection',
  'session_minutes',
] as const;

export interface IssuerConfig {
  /** Of the issuer's URL, without a slash at its end. */
  readonly path: string;
  readonly clients: readonly IssuerClient[];
  readonly deviceFlow: boolean;
  readonly clientDocuments: boolean;
  readonly introspection: boolean;
  readonly sessionTtlMs: number;
  /** What the library says of a client's metadata, at the line where the clients are. */
  clientsMistake(problem: string): StartError;
}

const minute = 60_000;

export const issuer: Command<(typeof keys)[number], IssuerConfig> = {
  name: 'issuer',
  purpose: `Is an OpenID provider whose visitors log in at any Mastodon server: for every system that takes an issuer, such
as Keycloak, Auth0 or Discourse, and for devices without a browser.`,
  packages: ['oidc-provider'],
  keys,

  read: (file) => ({
    path: file.given('path', readPath)?.replace(/\/+$/, '') ?? '',
    clients: file.given('clients', (entry) => entry.list().map(readClient)) ?? [],
    deviceFlow: file.given('device_flow', (entry) => entry.boolean()) ?? false,
    clientDocuments: file.given('client_documents', (entry) => entry.boolean()) ?? false,
    introspection: file.given('introspection', (entry) => entry.boolean()) ?? false,
    sessionTtlMs: (file.given('session_minutes', (entry) => entry.integer(1, 24 * 60)) ?? 60) * minute,
    clientsMistake: (problem) => file.mistake('clients', problem),
  }),

  /** In memory: nothing is asked for, and nothing is left behind. */
  async check(config) {
    await (await open(config, undefined, () => undefined)).close();
  },

  async create(config, { store }, log) {
    const running = await open(config, store, log);
    const { clientName, website } = config;
    return {
      status: () => ({}),
      close: () => running.close(),
      router(req, res) {
        const isRead = req.method === 'GET' || req.method === 'HEAD';
        if (isRead && req.url?.split('?', 1)[0] === '/') sendPage(res, indexPage(clientName, website));
        else running.router(req, res);
      },
    };
  },

  tasks: {
    'rotate-keys': {
      purpose: 'issuer: add a signing key, which all processes begin to use in five minutes',
      async run(config, { store }, log) {
        const running = await open(config, store, log);
        const since = await running.rotateKeys();
        await running.close();
        return `The new key signs from ${since.toISOString()} on. Nobody is logged out.`;
      },
    },
  },
};

/** Of the documentation and of the example, where they are copied from. */
const publishedSecrets: ReadonlySet<string> = new Set([
  'replace this by the output of openssl rand -base64 32',
  'only for trying it out on this machine',
]);

async function open(
  config: Config & IssuerConfig,
  store: Backends['store'] | undefined,
  log: Log,
): Promise<Issuer> {
  const { clientName, website, publicURL, path, allowInstance, developmentInstances } = config;
  const { clients, deviceFlow, clientDocuments, introspection, sessionTtlMs } = config;
  const options: IssuerOptions = {
    ...{ clientName, website, allowInstance, developmentInstances, store, log },
    ...{ clients, deviceFlow, clientDocuments, introspection, sessionTtlMs },
    issuerURL: publicURL + path,
  };
  const known = clients.find(({ client_secret: secret = '' }) => publishedSecrets.has(secret));
  if (known && !isLoopbackHost(new URL(publicURL).hostname)) {
    throw config.clientsMistake(
      `the client_secret of ${known.client_id} is the example's, which anybody knows`,
    );
  }
  try {
    return await createIssuer(options);
  } catch (error) {
    // All else was checked as it was read.
    if (error instanceof TypeError) throw config.clientsMistake(error.message.replace(/^createIssuer: /, ''));
    throw error;
  }
}

const texts = ['client_id', 'client_secret', 'client_name', 'client_uri', 'jwks_uri'] as const;
const choices = ['application_type', 'token_endpoint_auth_method'] as const;
const lists = ['redirect_uris', 'post_logout_redirect_uris', 'grant_types', 'response_types'] as const;
const switches = ['placeholder_email', 'require_auth_time'] as const;

/** A client by its registration metadata, under the names that the standard gives it. */
function readClient(entry: Entry): IssuerClient {
  const metadata: Record<string, unknown> = {};
  const values = entry.record([...texts, ...choices, ...lists, ...switches]);
  for (const [name, value] of values) {
    const isOneOf = (names: readonly string[]) => names.includes(name);
    if (isOneOf(lists)) metadata[name] = value.list().map((item) => item.text());
    else if (isOneOf(switches)) metadata[name] = value.boolean();
    else metadata[name] = value.text();
  }
  if (typeof metadata.client_id !== 'string') entry.fail('each client needs a client_id');
  return metadata as IssuerClient;
}

function indexPage(clientName: string, website: string | undefined) {
  const name = `<bdi>${escape(clientName)}</bdi>`;
  const link = website === undefined ? name : `<a href="${escape(website)}">${name}</a>`;
  return messagePage(200, clientName, [
    `This is where you come by when you log in with your Mastodon account, by way of ${link}.`,
    'There is nothing to do here: begin where you want to log in.',
  ]);
}
