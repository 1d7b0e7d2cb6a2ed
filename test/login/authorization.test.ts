/** What a browser takes along to the instance's authorize page. */

import { createHash } from 'node:crypto';
import { authorizationURL } from '../../lib/login/authorization.js';
import type { Instance, LoginTransaction } from '../../lib/options.js';

const instance: Instance = {
  origin: 'https://mastodon.example',
  host: 'mastodon.example',
  authorizationEndpoint: 'https://mastodon.example/oauth/authorize',
  tokenEndpoint: 'https://mastodon.example/oauth/token',
  issuer: 'https://mastodon.example',
  promisesIssuer: false,
};
const login = {
  clientId: 'client',
  redirectURI: 'https://site.example/callback/mastodon.example',
  scope: 'profile',
  codeVerifier: 'v'.repeat(43),
} as LoginTransaction;

const paramsOf = (options = {}, extra = {}, at: Instance = instance): Record<string, string> =>
  Object.fromEntries(new URL(authorizationURL(at, login, 'state', options, extra)).searchParams);

const protocol = {
  response_type: 'code',
  client_id: 'client',
  redirect_uri: 'https://site.example/callback/mastodon.example',
  scope: 'profile',
  state: 'state',
  code_challenge: createHash('sha256').update('v'.repeat(43)).digest('base64url'),
  code_challenge_method: 'S256',
};

it('is asked with PKCE, and with nothing that nobody wished for', () => {
  expect(paramsOf()).toEqual(protocol);
  expect(authorizationURL(instance, login, 'state', {})).toMatch(
    /^https:\/\/mastodon\.example\/oauth\/authorize\?/,
  );
});

it('keeps what the endpoint has in its own query', () => {
  const endpoint = 'https://mastodon.example/?rest_route=/authorize';
  expect(paramsOf({}, {}, { ...instance, authorizationEndpoint: endpoint })).toEqual({
    rest_route: '/authorize',
    ...protocol,
  });
});

it('asks for another account, and in a language, where the site wishes', () => {
  expect(paramsOf({ forceLogin: true, lang: 'de' })).toEqual({
    force_login: 'true',
    lang: 'de',
    ...protocol,
  });
  expect(paramsOf({ forceLogin: false })).toEqual(protocol);
});

it('takes further parameters, which change none of the protocol’s own', () => {
  expect(
    paramsOf({}, { prompt: 'x', state: 'mine', redirect_uri: 'https://evil.example', scope: 'admin' }),
  ).toEqual({
    prompt: 'x',
    ...protocol,
  });
});
