/** What several families share: error shapes, scopes, the metadata document. */

export const minutes = 60_000;

export const page = (text: string): string => `<!doctype html><title>Error</title><p>${text}</p>`;
export const oauthError = (error: string, error_description: string): object => ({
  error,
  error_description,
});

export const scopesOf42 = [
  'read',
  'read:accounts',
  'read:follows',
  'read:statuses',
  'write',
  'follow',
  'push',
];
export const scopesOf43 = ['profile', ...scopesOf42];

export function metadata(origin: string, scopes: readonly string[]): Record<string, unknown> {
  return {
    issuer: `${origin}/`,
    service_documentation: 'https://docs.joinmastodon.org/',
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    app_registration_endpoint: `${origin}/api/v1/apps`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    userinfo_endpoint: `${origin}/oauth/userinfo`,
    scopes_supported: scopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    grant_types_supported: ['authorization_code', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
  };
}
