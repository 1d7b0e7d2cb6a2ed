/** WordPress with the plugins ActivityPub and Enable Mastodon Apps, with the user names that WordPress allows. */

import { variant } from '../persona.js';
import { oauthError, page } from './common.js';
import { other } from './mastodon.js';

const invalidClient = [400, oauthError('invalid_client', 'The client credentials are invalid')] as const;
const wrongCode = "Authorization code doesn't exist or is invalid for the client";

/** WordPress makes it from the login: `jane@shop.example` becomes `janeshop-example`. */
const slug = (login: string): string =>
  login
    .toLowerCase()
    .replace(/[^a-z0-9 ._-]/g, '')
    .replace(/[ ._-]+/g, '-');

export const wordpress = variant(other, {
  name: 'wordpress',
  software: { name: 'wordpress', version: '6.1' },
  apiVersion: 'WordPress/6.1, ActivityPub/7.6.0, EMA/1.6.0',
  nodeinfo: [['2.0', '/wp-json/activitypub/1.0/nodeinfo/2.0']],
  authorize: { denial: 'with state' },
  token: { expiresIn: 2 * 365 * 24 * 3600, createdAt: 's' },
  accounts: {
    id: (index) => `${1 + index}`,
    actor: (_username, _id, index) => `/?author=${1 + index}`,
    url: (username) => `/author/${slug(username)}/`,
  },
  replies: {
    not_found: [404, page('Page not found')],
    invalid_app: [422, { code: 'redirect_uris', message: 'Invalid redirect URI', data: {} }],
    page_client: [400, oauthError('invalid_client', 'The client id supplied is invalid')],
    page_redirect: [400, oauthError('redirect_uri_mismatch', 'The redirect URI provided does not match')],
    page_request: [400, oauthError('invalid_request', 'Invalid or missing response type')],
    page_scope: [400, oauthError('invalid_scope', 'An unsupported scope was requested')],
    unknown_client: invalidClient,
    wrong_secret: invalidClient,
    missing_field: [400, oauthError('invalid_request', 'Missing parameter: "code" is required')],
    unsupported_grant: [400, oauthError('unsupported_grant_type', 'Grant type not supported')],
    wrong_code: [400, oauthError('invalid_grant', wrongCode)],
    wrong_redirect: [400, oauthError('redirect_uri_mismatch', 'The redirect URI is missing or do not match')],
    bad_token: [401, oauthError('invalid_token', 'The access token provided is invalid')],
    app_token: [401, { code: 'token-required', message: 'Token required', data: {} }],
    missing_scope: [403, { code: 'insufficient-permissions', message: 'Not allowed' }],
  },
});
