/** A metadata document speaks for its own origin only. */

import { readMetadata, withoutSlash } from '../../lib/instance/metadata.js';
import { codeThrownBy } from '../support/stage.js';

const origin = 'https://social.example';
const honest = {
  issuer: `${origin}/`,
  authorization_endpoint: `${origin}/oauth/authorize`,
  token_endpoint: `${origin}/oauth/token`,
  app_registration_endpoint: `${origin}/api/v1/apps`,
  revocation_endpoint: `${origin}/oauth/revoke`,
  scopes_supported: ['read', 'profile'],
};

it('an honest document gives its endpoints, its scopes and its issuer without the slash', () => {
  expect(readMetadata(honest, origin)).toEqual({
    issuer: origin,
    authorizationEndpoint: `${origin}/oauth/authorize`,
    tokenEndpoint: `${origin}/oauth/token`,
    registrationEndpoint: `${origin}/api/v1/apps`,
    revocationEndpoint: `${origin}/oauth/revoke`,
    promisesIssuer: false,
    scopesSupported: ['read', 'profile'],
  });
});

it.each([
  ['true', true, true],
  ['the text true', 'true', false],
  ['one', 1, false],
])('a promised iss parameter is promised by %s: %j', (_what, value, promised) => {
  const document = { ...honest, authorization_response_iss_parameter_supported: value };
  expect(readMetadata(document, origin).promisesIssuer).toBe(promised);
});

it.each([
  ['the issuer of another server', { issuer: 'https://mastodon.social' }],
  ['an issuer below a path', { issuer: `${origin}/tenant` }],
  ['an issuer with two slashes', { issuer: `${origin}//` }],
  ['an issuer in capitals', { issuer: 'https://SOCIAL.example' }],
  ['the token endpoint of another server', { token_endpoint: 'https://mastodon.social/oauth/token' }],
  ['an authorize page elsewhere', { authorization_endpoint: 'https://evil.example/oauth/authorize' }],
  ['a registration elsewhere', { app_registration_endpoint: 'https://evil.example/apps' }],
  ['a revocation elsewhere', { revocation_endpoint: 'https://evil.example/revoke' }],
  ['any other endpoint elsewhere', { userinfo_endpoint: 'https://evil.example/userinfo' }],
  ['another port', { token_endpoint: `${origin}:8443/oauth/token` }],
  ['http', { token_endpoint: 'http://social.example/oauth/token' }],
  ['a host that only begins like it', { token_endpoint: `${origin}.evil.example/oauth/token` }],
  ['credentials in the URL', { token_endpoint: 'https://user:pass@social.example/oauth/token' }],
  ['the host as a user name', { token_endpoint: `${origin}@evil.example/oauth/token` }],
  ['a fragment', { token_endpoint: `${origin}/oauth/token#x` }],
  ['a relative URL', { token_endpoint: '/oauth/token' }],
  ['a script', { authorization_endpoint: 'javascript:alert(1)' }],
  ['an endpoint that is a list', { token_endpoint: [`${origin}/oauth/token`] }],
  ['an endpoint without end', { token_endpoint: `${origin}/${'a'.repeat(3000)}` }],
])('%s is not safe', (_what, changes) => {
  expect(codeThrownBy(() => readMetadata({ ...honest, ...changes }, origin))).toBe('instance_insecure');
});

it.each(['issuer', 'authorization_endpoint', 'token_endpoint'])(
  'a document without %s is of no use',
  (name) => {
    for (const value of [undefined, null]) {
      const document = Object.fromEntries(
        Object.entries({ ...honest, [name]: value }).filter(([, there]) => there !== undefined),
      );
      expect(codeThrownBy(() => readMetadata(document, origin))).toBe('response_invalid');
    }
  },
);

it.each([
  ['no list', 'profile', undefined],
  ['not all names', ['read', 7, null, {}, 'x'.repeat(100)], ['read']],
])('scopes that are %s do no harm', (_what, scopes_supported, expected) => {
  expect(readMetadata({ ...honest, scopes_supported }, origin).scopesSupported).toEqual(expected);
});

it.each([
  ['https://a.example/', 'https://a.example'],
  ['https://a.example', 'https://a.example'],
  ['https://a.example//', 'https://a.example/'],
  ['', ''],
])('%j is the issuer %j', (text, issuer) => {
  expect(withoutSlash(text)).toBe(issuer);
});
