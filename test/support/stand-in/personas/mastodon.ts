/** Mastodon 4.5 and 4.2, and what most of the other families have in common. */

import { variant, type Persona } from '../persona.js';
import { metadata, minutes, page, scopesOf42, scopesOf43 } from './common.js';

export const mastodon45: Persona = {
  name: 'mastodon45',
  software: { name: 'mastodon', version: '4.5.0' },
  apiVersion: '4.5.0',
  instance: { v2: true, uri: 'domain', accountDomain: false },
  nodeinfo: [['2.0', '/nodeinfo/2.0']],
  hostMeta: 'own origin',
  metadata,
  hangsUp: false,
  apps: {
    throttle: { count: 5, windowMs: 10 * minutes },
    singleUse: false,
  },
  scopes: {
    known: scopesOf43,
    unknownAtApps: 'refuse',
    compare: 'literally',
    unknownRedirects: false,
    reading: ['profile', 'read', 'read:accounts'],
  },
  authorize: {
    returning: 'code',
    denial: 'with state',
    issuer: false,
  },
  token: {
    checksCode: true,
    codeBeforeClient: false,
    scopeWithCode: false,
    pkce: true,
    oneTime: true,
    codeLifetimeMs: 10 * minutes,
    credentials: 'plain',
    reuses: true,
    refresh: false,
    expiresIn: undefined,
    scope: true,
    createdAt: 's',
    me: undefined,
    revoke: 'client',
  },
  accounts: {
    id: (index) => `10934834712345678${index}`,
    // Accounts from before 4.5 keep the old form, so one server has both forms. The client must not build them by a
    // pattern.
    actor: (username, id, index) => (index === 0 ? `/users/${username}` : `/ap/users/${id}`),
    url: (username) => `/@${username}`,
    uri: true,
    pleroma: false,
  },
  replies: {
    not_found: [404, page('The page you are looking for is not here.')],
    page_client: [401, page('Client authentication failed due to unknown client.')],
    page_redirect: [400, page('The redirect uri included is not valid.')],
    page_request: [400, page('The request is missing a required parameter or is otherwise malformed.')],
    page_scope: [400, page('The requested scope is invalid, unknown, or malformed.')],
  },
};

export const mastodon42 = variant(mastodon45, {
  name: 'mastodon42',
  software: { name: 'mastodon', version: '4.2.10' },
  apiVersion: '4.2.10',
  metadata: undefined,
  scopes: { known: scopesOf42, reading: ['read', 'read:accounts'] },
  token: { pkce: false },
  accounts: { actor: (username) => `/users/${username}` },
  replies: {
    page_client: [200, page('Client authentication failed due to unknown client.')],
    page_redirect: [200, page('The redirect uri included is not valid.')],
    page_request: [200, page('The request is missing a required parameter.')],
    page_scope: [200, page('The requested scope is invalid, unknown, or malformed.')],
  },
});

/** Common to most of the others: no metadata, no PKCE, a new token each time. */
export const other = variant(mastodon45, {
  metadata: undefined,
  scopes: { known: scopesOf42, unknownAtApps: 'keep', compare: 'covers' },
  authorize: { returning: 'code', denial: 'own page' },
  token: { pkce: false, reuses: false },
  accounts: { actor: (username) => `/users/${username}`, uri: false },
});
