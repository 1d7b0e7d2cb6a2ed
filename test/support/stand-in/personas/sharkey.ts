/** Sharkey, and Firefish: an app is one login session. */

import { variant } from '../persona.js';
import { page } from './common.js';
import { other } from './mastodon.js';

export const sharkey = variant(other, {
  name: 'sharkey',
  software: { name: 'sharkey', version: '2024.11.2' },
  apiVersion: '3.0.0 (compatible; Sharkey 2024.11.2)',
  instance: { uri: 'origin' },
  nodeinfo: [
    ['2.0', '/nodeinfo/2.0'],
    ['2.1', '/nodeinfo/2.1'],
  ],
  apps: { singleUse: true },
  scopes: { compare: 'never', reading: undefined },
  authorize: { returning: 'code' },
  token: { credentials: 'any-client', revoke: 'absent' },
  accounts: { id: (index) => `9f3k2m5x${index}a`, actor: (_username, id) => `/users/${id}` },
  replies: {
    invalid_app: [400, { error: 'Required parameters are missing' }],
    page_client: [404, page('No such session')],
    unknown_client: [401, { error: 'No such app' }],
    wrong_secret: [401, { error: 'No such app' }],
    wrong_code: [401, { error: 'No such session' }],
    bad_token: [401, { error: 'Authentication failed' }],
    app_token: [401, { error: 'Authentication failed' }],
  },
});
