/** Hollo: strict schemas, metadata and PKCE like new Mastodon, no state on denial. */

import { variant } from '../persona.js';
import { metadata, page, scopesOf43 } from './common.js';
import { other } from './mastodon.js';

export const hollo = variant(other, {
  name: 'hollo',
  software: { name: 'hollo', version: '0.10.0' },
  apiVersion: '0.10.0',
  nodeinfo: [['2.1', '/nodeinfo/2.1']],
  hostMeta: 'absent',
  metadata,
  scopes: { known: scopesOf43, unknownAtApps: 'refuse', compare: 'literally' },
  authorize: { denial: 'without state' },
  token: { pkce: true, createdAt: 'ms' },
  accounts: {
    id: (index) => `01902f3a-5b6c-7d8e-9f01-23456789abc${index}`,
    actor: (username) => `/@${username}`,
  },
  replies: {
    not_found: [404, page('404 Not Found')],
    invalid_app: [
      422,
      { error: { name: 'ZodError', message: '[{"path":["client_name"],"code":"invalid"}]' } },
    ],
    page_client: [400, { error: 'invalid_client' }],
    page_redirect: [400, { error: 'invalid_redirect_uri' }],
    page_request: [400, { error: { name: 'ZodError', message: '[{"path":["response_type"]}]' } }],
    page_scope: [400, { error: 'invalid_scope' }],
    bad_token: [401, { error: 'unauthorized' }],
    app_token: [422, { error: 'This method requires an authenticated user' }],
    missing_scope: [403, { error: 'insufficient_scope' }],
  },
});
