/**
 * Iceshrimp, the JavaScript one: looks for a code before it looks at the client, and requires scopes with the code.
 */

import { variant } from '../persona.js';
import { oauthError, page } from './common.js';
import { other } from './mastodon.js';

const invalidCode = [401, { error: 'Invalid code' }] as const;
const invalidClient = oauthError('invalid_client', 'Client authentication failed due to unknown client.');

export const iceshrimp = variant(other, {
  name: 'iceshrimp',
  software: { name: 'iceshrimp', version: '2026.5' },
  apiVersion: '4.2.1 (compatible; Iceshrimp 2026.5)',
  nodeinfo: [
    ['2.0', '/nodeinfo/2.0'],
    ['2.1', '/nodeinfo/2.1'],
  ],
  authorize: { denial: 'own page' },
  token: {
    codeBeforeClient: 'missing',
    scopeWithCode: true,
    createdAt: 's',
  },
  accounts: {
    id: (index) => `9k7qx3v0d${index}`,
    actor: (_username, id) => `/users/${id}`,
  },
  replies: {
    not_found: [404, page('404 Not Found')],
    invalid_app: [400, { error: 'Required parameters are missing' }],
    // A script draws the page and requests the app only then, so the page itself always exists.
    page_client: [200, page('No such app')],
    page_redirect: [200, page('This app may not send you there')],
    page_request: [200, page('This request is not valid')],
    page_scope: [200, page('This app may not have these permissions')],
    unknown_client: [401, invalidClient],
    wrong_secret: [401, invalidClient],
    missing_field: invalidCode,
    wrong_code: invalidCode,
    wrong_redirect: [400, { error: 'invalid_redirect_uri' }],
    bad_token: [401, { error: 'This method requires an authenticated user' }],
    app_token: [401, { error: 'This method requires an authenticated user' }],
  },
});
