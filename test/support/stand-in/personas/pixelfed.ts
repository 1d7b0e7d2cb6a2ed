/** Pixelfed: Laravel Passport, which has no granular scopes. */

import { variant } from '../persona.js';
import { oauthError } from './common.js';
import { other } from './mastodon.js';

export const pixelfed = variant(other, {
  name: 'pixelfed',
  software: { name: 'pixelfed', version: '0.11.13' },
  apiVersion: '3.5.3 (compatible; Pixelfed 0.11.13)',
  nodeinfo: [['2.0', '/api/nodeinfo/2.0.json']],
  scopes: { known: ['read', 'write', 'follow', 'push'], unknownRedirects: true, reading: ['read'] },
  authorize: { denial: 'with state' },
  token: {
    pkce: true,
    refresh: true,
    expiresIn: 31_536_000,
    scope: false,

    revoke: 'absent',
  },
  accounts: {
    id: (index) => `58402934857203948${index}`,
    url: (username) => `/${username}`,
  },
  replies: {
    invalid_app: [422, { message: 'The redirect uris field is required.', errors: { redirect_uris: [] } }],
    page_client: [401, oauthError('invalid_client', 'Client authentication failed')],
    page_redirect: [401, oauthError('invalid_client', 'Client authentication failed')],
    wrong_code: [400, oauthError('invalid_request', 'The request is malformed')],
    wrong_redirect: [400, oauthError('invalid_request', 'The request is malformed')],
    bad_token: [401, { error: 'Unauthenticated.' }],
    app_token: [403, { error: 'Forbidden' }],
    missing_scope: [403, { error: 'Forbidden' }],
  },
});
