/** Servers that register no client: which metadata documents describe one. */

import { readURLClientServer } from '../../lib/discovery/instance-document.js';

const origin = 'https://misskey.example';
const document = {
  issuer: origin,
  authorization_endpoint: `${origin}/oauth/authorize`,
  token_endpoint: `${origin}/oauth/token`,
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
};

it('a server without registration, with PKCE and a name, is an instance', () => {
  expect(readURLClientServer(document, origin)).toEqual({
    ...{ origin, host: 'misskey.example', issuer: origin, promisesIssuer: true, clientMetadata: 'html' },
    authorizationEndpoint: `${origin}/oauth/authorize`,
    tokenEndpoint: `${origin}/oauth/token`,
  });
});

it.each([
  ['registers by RFC 7591', { registration_endpoint: `${origin}/register` }],
  ['registers as Mastodon does', { app_registration_endpoint: `${origin}/api/v1/apps` }],
  ['has an issuer that is no text', { issuer: 7 }],
  ['is another', { issuer: 'https://other.example' }],
  ['has its token endpoint elsewhere', { token_endpoint: 'https://other.example/token' }],
  ['has its page elsewhere', { authorization_endpoint: 'https://other.example/authorize' }],
  ['has no PKCE', { code_challenge_methods_supported: undefined }],
  ['does not name itself', { authorization_response_iss_parameter_supported: 'true' }],
])('one that %s is not', (_what, changes) => {
  expect(readURLClientServer({ ...document, ...changes }, origin)).toBeUndefined();
});

it('a server without such a document is not an instance', () => {
  expect(readURLClientServer(undefined, origin)).toBeUndefined();
});
