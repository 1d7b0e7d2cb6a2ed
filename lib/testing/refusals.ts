/** The reasons for which an instance refuses a request, and Mastodon's answers to them. */

/** Reasons of the authorization page: the visitor stays there. */
export const pageReasons = {
  page_client:
    'it does not know this client_id. It forgets all apps when it is restarted; the site registers a new one when the login is begun again',
  page_redirect: 'the redirect_uri is not the one that was registered',
  page_request: 'the response_type is not code, or there is no code_challenge with the method S256',
  page_scope: 'the app has not registered this scope',
} as const;

export type PageRefusal = keyof typeof pageReasons;

/** A status and a JSON body. */
export type Reply = readonly [status: number, body: object];

const oauthError = (status: number, error: string, error_description: string): Reply => [
  status,
  { error, error_description },
];
const invalidClient = oauthError(
  401,
  'invalid_client',
  'Client authentication failed due to unknown client.',
);
const invalidGrant = oauthError(
  400,
  'invalid_grant',
  'The provided authorization grant is invalid, expired or revoked.',
);
const disabled: Reply = [403, { error: 'Your login is currently disabled' }];

export const replies = {
  invalid_app: [422, { error: "Validation failed: Redirect URI can't be blank" }],
  unknown_client: invalidClient,
  wrong_secret: invalidClient,
  missing_field: oauthError(400, 'invalid_request', 'Missing required parameter.'),
  unsupported_grant: oauthError(400, 'unsupported_grant_type', 'The grant type is not supported.'),
  wrong_code: invalidGrant,
  /** The code was issued, but it is used, expired, or another client's. */
  spent_code: invalidGrant,
  wrong_redirect: invalidGrant,
  wrong_verifier: invalidGrant,
  wrong_scope: oauthError(400, 'invalid_scope', 'The requested scope is invalid, unknown, or malformed.'),
  foreign_token: oauthError(403, 'unauthorized_client', 'The token belongs to another client.'),
  bad_token: [401, { error: 'The access token is invalid' }],
  /** A token of the app alone. */
  app_token: [422, { error: 'This method requires an authenticated user' }],
  missing_scope: [403, { error: 'This action is outside the authorized scopes' }],
  account_disabled: disabled,
} as const satisfies Record<string, Reply>;

export type Refusal = PageRefusal | keyof typeof replies | 'not_found';
