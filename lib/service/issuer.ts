/** `passport-mastodon-oauth2 issuer`: the OpenID provider, from a YAML file. */

import * as v from 'valibot';
import { createIssuer, type Issuer } from '../issuer/index.js';
import { asConfigError, type ConfigOf } from './config.js';
import type { Log } from './log.js';
import type { Backends } from './backends.js';
import * as s from './schemas.js';
import type { Command } from './service.js';
import { StartError } from './start-error.js';

const placeholderEmailOption = v.union(
  [s.flag, s.table({ domain: s.text })],
  'must be true, false, or domain: and a domain',
);

/** A client by its registration metadata, under the names of the standard. */
const client = s.table({
  client_id: s.text,
  client_secret: v.exactOptional(s.text),
  client_name: v.exactOptional(s.text),
  client_uri: v.exactOptional(s.text),
  jwks_uri: v.exactOptional(s.text),
  application_type: v.exactOptional(s.text),
  token_endpoint_auth_method: v.exactOptional(s.text),
  redirect_uris: v.exactOptional(s.list(s.text)),
  post_logout_redirect_uris: v.exactOptional(s.list(s.text)),
  grant_types: v.exactOptional(s.list(s.text)),
  response_types: v.exactOptional(s.list(s.text)),
  placeholder_email: v.exactOptional(placeholderEmailOption),
  preferred_username: v.exactOptional(s.choice('handle', 'nickname')),
  origins: v.exactOptional(s.list(s.text)),
  require_auth_time: v.exactOptional(s.flag),
  require_pkce: v.exactOptional(s.flag),
});

const keys = {
  path: v.optional(s.path, '/'),
  clients: v.optional(s.list(client), []),
  device_flow: v.optional(s.flag, 'false'),
  client_documents: v.optional(s.flag, 'false'),
  introspection: v.optional(s.flag, 'false'),
  session_minutes: v.optional(s.integer(1, 24 * 60), '60'),
  refresh_days: v.optional(s.integer(1, 24), '14'),
  placeholder_email: v.optional(placeholderEmailOption, 'false'),
  secret: v.optional(s.encryptionSecret),
  revoke_token: v.optional(s.flag, 'false'),
};

type IssuerConfig = ConfigOf<typeof keys>;

export const issuer: Command<typeof keys> = {
  name: 'issuer',
  keys,

  async create(config, { store }, log) {
    const { router, close } = await open(config, store, log);
    return { router, close: () => close(), url: urlOf(config), status: () => ({}) };
  },

  async runTask(name, subject, config, { store }, log) {
    const running = await open(config, store, log);
    try {
      if (name === 'rotate-keys') {
        const since = await running.rotateKeys();
        return `The new key signs from ${since.toISOString()} on. Users stay logged in.`;
      }
      await running.endLogins(subject).catch((error: unknown) => {
        throw error instanceof TypeError ? new StartError(`--end-logins: ${error.message}`) : error;
      });
      return `${subject} is logged out: all sessions and tokens have ended.`;
    } finally {
      await running.close();
    }
  },
};

function urlOf({ publicURL, own }: IssuerConfig): string {
  return publicURL + own.path.replace(/\/+$/, '');
}

async function open(config: IssuerConfig, store: Backends['store'] | undefined, log: Log): Promise<Issuer> {
  const { clientName, website, allowInstance, developmentInstances, outbound, trustedProxies, own } = config;
  try {
    return await createIssuer({
      ...{ clientName, website, allowInstance, developmentInstances, outbound, trustedProxies, store },
      issuerURL: urlOf(config),
      clients: own.clients,
      deviceFlow: own.device_flow,
      clientDocuments: own.client_documents,
      introspection: own.introspection,
      sessionTtlMs: own.session_minutes * 60_000,
      refreshTtlMs: own.refresh_days * 24 * 60 * 60_000,
      placeholderEmail: own.placeholder_email,
      secret: own.secret,
      revokeToken: own.revoke_token,
      log: ({ event, ...fields }) => log(event, fields),
    });
  } catch (error) {
    throw asConfigError(error, config);
  }
}
