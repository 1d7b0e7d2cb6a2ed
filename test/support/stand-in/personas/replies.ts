/** Mastodon's answers to everything it refuses, from which the other families differ. */

import type { Replies } from '../persona.js';
import { oauthError, page } from './common.js';

const invalidClient = oauthError('invalid_client', 'Client authentication failed due to unknown client.');
const invalidGrant = oauthError(
  'invalid_grant',
  'The provided authorization grant is invalid, expired or revoked.',
);

export const mastodonReplies: Replies = {
  not_found: [404, page('The page you are looking for is not here.')],
  malformed: [400, { status: 400, error: 'Bad Request' }],
  invalid_app: [422, { error: "Validation failed: Redirect URI can't be blank" }],
  throttled: [429, { error: 'Too many requests' }],
  page_client: [401, page('Client authentication failed due to unknown client.')],
  page_redirect: [400, page('The redirect uri included is not valid.')],
  page_request: [400, page('The request is missing a required parameter or is otherwise malformed.')],
  page_scope: [400, page('The requested scope is invalid, unknown, or malformed.')],
  unknown_client: [401, invalidClient],
  wrong_secret: [401, invalidClient],
  missing_field: [400, oauthError('invalid_request', 'Missing required parameter.')],
  unsupported_grant: [400, oauthError('unsupported_grant_type', 'The grant type is not supported.')],
  wrong_code: [400, invalidGrant],
  wrong_redirect: [400, invalidGrant],
  wrong_verifier: [400, invalidGrant],
  wrong_scope: [400, oauthError('invalid_scope', 'The requested scope is invalid, unknown, or malformed.')],
  bad_token: [401, { error: 'The access token is invalid' }],
  app_token: [422, { error: 'This method requires an authenticated user' }],
  missing_scope: [403, { error: 'This action is outside the authorized scopes' }],
  account_disabled: [403, { error: 'Your login is currently disabled' }],
  account_unconfirmed: [403, { error: 'Your login is missing a confirmed e-mail address' }],
  account_pending: [403, { error: 'Your login is currently pending approval' }],
  account_moved: [403, { error: 'Your login is currently disabled' }],
};
