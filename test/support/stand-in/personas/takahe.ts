/** Takahe: short-lived codes, integer ids, errors that are crashes. */

import { variant } from '../persona.js';
import { page } from './common.js';
import { other } from './mastodon.js';

const serverError = [500, page('Server Error (500)')] as const;

export const takahe = variant(other, {
  name: 'takahe',
  software: { name: 'takahe', version: '0.11.0' },
  apiVersion: 'takahe/0.11.0',
  nodeinfo: [['2.0', '/nodeinfo/2.0/']],
  scopes: { compare: 'never', reading: ['read'] },
  authorize: { joins: 'raw' },
  token: { codeLifetime: 60_000, credentials: 'anyone' },
  accounts: { id: (index) => 114_211_000_000 + index, actor: (username) => `/@${username}@/` },
  replies: {
    invalid_app: [400, { error: 'bad_request' }],
    page_client: [400, page('Invalid client_id')],
    page_redirect: [400, page('Invalid redirect_uri')],
    page_request: [400, page('Invalid response_type')],
    unknown_client: serverError,
    wrong_secret: serverError,
    missing_field: serverError,
    unsupported_grant: serverError,
    wrong_code: serverError,
    wrong_redirect: serverError,
    bad_token: [401, { error: 'invalid_token' }],
    app_token: [401, { error: 'identity_not_found' }],
    missing_scope: [403, { error: 'insufficient_scope' }],
  },
});
