/** Friendica: compares redirect URIs without their query, revokes all at once. */

import { variant } from '../persona.js';
import { minutes } from './common.js';
import { other } from './mastodon.js';

const unprocessable = (text: string): object => ({ error: 'Unprocessable Entity', error_description: text });

export const friendica = variant(other, {
  name: 'friendica',
  software: { name: 'friendica', version: '2024.12-1571' },
  apiVersion: '2.8.0 (compatible; Friendica 2024.12)',
  nodeinfo: [
    ['1.0', '/nodeinfo/1.0'],
    ['2.0', '/nodeinfo/2.0'],
  ],
  token: { codeLifetimeMs: 5 * minutes, me: 'profile', revoke: 'all of user' },
  accounts: {
    id: (index) => `${12 + index}`,
    actor: (username) => `/profile/${username}`,
    url: (username) => `/profile/${username}`,
  },
  replies: {
    invalid_app: [422, unprocessable('Missing parameters')],
    page_client: [422, unprocessable('Unknown application')],
    page_redirect: [422, unprocessable('Unknown application')],
    page_request: [422, unprocessable('Unsupported or missing response type')],
    page_scope: [422, unprocessable('Unknown scope')],
    missing_field: [422, unprocessable('Missing parameters')],
    unsupported_grant: [422, unprocessable('Unsupported or missing grant type')],
    bad_token: [401, { error: 'This API requires login' }],
    app_token: [401, { error: 'This API requires login' }],
  },
});
