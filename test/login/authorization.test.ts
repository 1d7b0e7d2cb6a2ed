/** The parameters with which a browser opens the instance's authorization endpoint. */

import { createHash } from 'node:crypto';
import { authorizationURL } from '../../lib/login/authorization.js';
import type { Instance } from '../../lib/options.js';
import { aLogin } from '../support/records.js';

const instance: Instance = {
  origin: 'https://mastodon.example',
  host: 'mastodon.example',
  authorizationEndpoint: 'https://mastodon.example/oauth/authorize',
  tokenEndpoint: 'https://mastodon.example/oauth/token',
  issuer: 'https://mastodon.example',
  promisesIssuer: false,
};
const login = aLogin({
  redirectURI: 'https://site.example/callback/mastodon.example',
  scope: 'profile',
});

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

it('the authorization URL has PKCE, and no parameter that the site did not ask for', () => {
  expect(paramsOf()).toEqual(protocol);
  expect(authorizationURL(instance, login, 'state', {})).toMatch(
    /^https:\/\/mastodon\.example\/oauth\/authorize\?/,
  );
});

it('the authorization URL keeps the endpoint’s own query', () => {
  const endpoint = 'https://mastodon.example/?rest_route=/authorize';
  expect(paramsOf({}, {}, { ...instance, authorizationEndpoint: endpoint })).toEqual({
    rest_route: '/authorize',
    ...protocol,
  });
});

it('the authorization URL asks for a new login, and for a language, if the site wants that', () => {
  expect(paramsOf({ forceLogin: true, lang: 'de' })).toEqual({
    force_login: 'true',
    lang: 'de',
    ...protocol,
  });
  expect(paramsOf({ forceLogin: false })).toEqual(protocol);
});

it.each([
  'https://mastodon.example/oauth/authorize',
  'https://mastodon.example/?rest_route=/authorize&state=a',
])(
  'leaves out a parameter that has no value, and repeats one that has several, at %s',
  (authorizationEndpoint) => {
    const extra = { prompt: undefined, display: null, page: 7, resource: ['a', 'b'], lang: 'de' };
    const at = { ...instance, authorizationEndpoint };
    const { searchParams } = new URL(authorizationURL(at, login, 'state', {}, extra));
    expect(searchParams.getAll('resource')).toEqual(['a', 'b']);
    expect(searchParams.getAll('state')).toEqual(['state']);
    for (const name of ['resource', 'rest_route']) searchParams.delete(name);
    expect(Object.fromEntries(searchParams)).toEqual({ page: '7', lang: 'de', ...protocol });
  },
);

it('each parameter of the protocol is there once, because some servers read the first and some the last', () => {
  const extra = { state: 'mine', redirect_uri: 'https://evil.example', prompt: 'x' };
  const { searchParams } = new URL(authorizationURL(instance, login, 'state', {}, extra));
  expect([...searchParams.keys()].sort()).toEqual(['prompt', ...Object.keys(protocol)].sort());
});

it('further parameters do not replace those of the protocol', () => {
  expect(
    paramsOf({}, { prompt: 'x', state: 'mine', redirect_uri: 'https://evil.example', scope: 'admin' }),
  ).toEqual({
    prompt: 'x',
    ...protocol,
  });
});
