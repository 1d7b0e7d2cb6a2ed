/** `passport-mastodon-oauth2 issuer`: the OpenID provider, from a YAML file. */

import { createIssuer, type IssuerClient } from '../issuer/index.js';
import { flag, readAs, text, wholeNumber, type ValueOf } from './config-file.js';
import type { Command } from './service.js';
import { StartError } from './start-error.js';

const placeholderEmail = [flag, { domain: text }] as const;

/** A client by its registration metadata, under the names of the standard. */
const client = {
  client_id: text,
  client_secret: text,
  client_name: text,
  client_uri: text,
  jwks_uri: text,
  application_type: text,
  token_endpoint_auth_method: text,
  redirect_uris: [text],
  post_logout_redirect_uris: [text],
  grant_types: [text],
  response_types: [text],
  placeholder_email: placeholderEmail,
  preferred_username: text,
  origins: [text],
  require_auth_time: flag,
  require_pkce: flag,
} as const;

const kinds = {
  path: readAs('must be a path such as /login', (given) =>
    /^\/(?:[\w\-.~]+\/)*[\w\-.~]*$/.test(given) ? given : undefined,
  ),
  clients: [client],
  device_flow: flag,
  client_documents: flag,
  introspection: flag,
  session_minutes: wholeNumber(1, 24 * 60),
  refresh_days: wholeNumber(1, 24),
  placeholder_email: placeholderEmail,
  secret: text,
  revoke_token: flag,
} as const;

export const issuer: Command<ValueOf<typeof kinds>> = {
  name: 'issuer',
  kinds,

  async create({ shared, trustedProxies, publicURL, own }, { store }, log) {
    const { path = '', session_minutes: minutes, refresh_days: days } = own;
    const url = publicURL + path.replace(/\/+$/, '');
    const { router, close, rotateKeys, endLogins } = await createIssuer({
      ...{ ...shared, trustedProxies, store },
      issuerURL: url,
      clients: own.clients as readonly IssuerClient[] | undefined,
      deviceFlow: own.device_flow,
      clientDocuments: own.client_documents,
      introspection: own.introspection,
      sessionTtlMs: minutes && minutes * 60_000,
      refreshTtlMs: days && days * 24 * 60 * 60_000,
      placeholderEmail: own.placeholder_email as IssuerClient['placeholder_email'],
      secret: own.secret,
      revokeToken: own.revoke_token,
      log: ({ event, ...fields }) => log(event, fields),
    });
    return {
      ...{ router, close, url },
      status: () => ({}),
      async runTask(name, subject) {
        if (name === 'rotate-keys') {
          const since = await rotateKeys();
          return `The new key signs from ${since.toISOString()} on. Users stay logged in.`;
        }
        await endLogins(subject).catch((error: unknown) => {
          throw error instanceof TypeError ? new StartError(`--end-logins: ${error.message}`) : error;
        });
        return `${subject} is logged out: all sessions and tokens have ended.`;
      },
    };
  },
};
