/** Pleroma and Akkoma: codes without expiry, refresh tokens, odd shortcuts for a visitor who is signed in. */

import { variant } from '../persona.js';
import { minutes, page } from './common.js';
import { other } from './mastodon.js';

const plError = (error: string): object => ({ error });

export const pleroma = variant(other, {
  name: 'pleroma',
  software: { name: 'pleroma', version: '2.9.0' },
  apiVersion: '2.7.2 (compatible; Pleroma 2.9.0)',
  nodeinfo: [
    ['2.0', '/nodeinfo/2.0.json'],
    ['2.1', '/nodeinfo/2.1.json'],
  ],
  apps: { throttle: { count: 5, windowMs: 15 * minutes } },
  authorize: { returning: 'token' },
  token: {
    oneTime: false,
    codeLifetimeMs: Infinity,
    refresh: true,
    expiresIn: 3_153_600_000,
    me: 'actor',
    revoke: 'token',
  },
  accounts: {
    id: (index) => `AQ3hTJbqGsT5kVb9k${index}`,
    url: (username) => `/users/${username}`,
    pleroma: true,
  },
  replies: {
    not_found: [404, page('Not Found')],
    invalid_app: [400, plError('Missing field: redirect_uris.')],
    throttled: [429, plError('Throttled')],
    page_client: [401, page('Invalid client_id.')],
    page_redirect: [400, page('Unlisted redirect_uri.')],
    page_scope: [401, page('This action is outside the authorized scopes')],
    unknown_client: [400, plError('Invalid credentials')],
    wrong_secret: [400, plError('Invalid credentials')],
    missing_field: [400, plError('Bad request')],
    unsupported_grant: [400, plError('Bad request')],
    wrong_code: [400, plError('Invalid credentials')],
    wrong_redirect: [400, plError('Invalid credentials')],
    wrong_scope: [400, plError('Invalid credentials')],
    bad_token: [403, plError('Invalid credentials.')],
    app_token: [403, plError('Invalid credentials.')],
    missing_scope: [403, plError('Insufficient permissions: read:accounts.')],
  },
});

export const akkoma = variant(pleroma, {
  name: 'akkoma',
  software: { name: 'akkoma', version: '3.15.2' },
  apiVersion: '2.7.2 (compatible; Akkoma 3.15.2)',
  instance: { uri: 'origin' },
  authorize: { returning: 'code' },
});
