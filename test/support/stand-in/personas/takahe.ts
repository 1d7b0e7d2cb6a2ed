/** Takahe: short-lived codes that are looked up before the client is, integer ids, a crash for an unknown code. */

import { variant } from '../persona.js';
import { oauthError, page } from './common.js';
import { other } from './mastodon.js';

const denied = [401, { error: 'access_denied' }] as const;

export const takahe = variant(other, {
  name: 'takahe',
  software: { name: 'takahe', version: '0.11.0' },
  apiVersion: 'takahe/0.11.0',
  nodeinfo: [['2.0', '/nodeinfo/2.0/']],
  scopes: { compare: 'never', reading: ['read'] },
  token: { codeLifetimeMs: 60_000, credentials: 'any-client', codeBeforeClient: 'unknown' },
  accounts: { id: (index) => 114_211_000_000 + index, actor: (username) => `/@${username}@/` },
  replies: {
    invalid_app: [400, { error: 'bad_request' }],
    page_client: [400, page('Invalid client_id')],
    page_redirect: [400, page('Invalid redirect_uri')],
    page_request: [400, page('Invalid response_type')],
    missing_field: [400, oauthError('invalid_request', 'Required param : code')],
    unsupported_grant: [400, { error: 'invalid_grant_type' }],
    // A code that is not in the database is an exception that is not caught.
    wrong_code: [500, page('Server Error (500)')],
    spent_code: denied,
    unknown_client: denied,
    wrong_secret: denied,
    wrong_redirect: denied,
    bad_token: [401, { error: 'invalid_token' }],
    app_token: [401, { error: 'identity_not_found' }],
    missing_scope: [403, { error: 'insufficient_scope' }],
  },
});
