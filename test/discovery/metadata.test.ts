/** Which metadata documents are accepted: a document is valid for its own origin only. */

import type { MastodonError } from '../../lib/errors.js';
import { isOn } from '../../lib/util/url.js';
import { namedOrigin, readMetadata } from '../../lib/discovery/metadata.js';
import { codeThrownBy } from '../support/records.js';

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
  expect(readMetadata(document, origin)?.promisesIssuer).toBe(promised);
});

it.each([
  ['the issuer of another server', { issuer: 'https://mastodon.social' }],
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
  ['a user name in the URL', { token_endpoint: 'https://user@social.example/oauth/token' }],
  ['a password in the URL', { token_endpoint: 'https://:pass@social.example/oauth/token' }],
  ['an issuer with a user name', { issuer: 'https://user@social.example' }],
  [
    'http in one place of many',
    { issuer: origin, revocation_endpoint: 'http://social.example/oauth/revoke' },
  ],
  ['the host as a user name', { token_endpoint: `${origin}@evil.example/oauth/token` }],
  ['a fragment', { token_endpoint: `${origin}/oauth/token#x` }],
  ['a relative URL', { token_endpoint: '/oauth/token' }],
  ['a script', { authorization_endpoint: 'javascript:alert(1)' }],
  ['an endpoint that is a list', { token_endpoint: [`${origin}/oauth/token`] }],
  ['an endpoint without end', { token_endpoint: `${origin}/${'a'.repeat(3000)}` }],
])('%s is not safe', (_what, changes) => {
  expect(codeThrownBy(() => readMetadata({ ...honest, ...changes }, origin))).toBe('instance_insecure');
});

it.each([
  ['issuer', { issuer: 'https://mastodon.social' }],
  ['token_endpoint', { token_endpoint: 'https://mastodon.social/oauth/token' }],
])('the operator is told whose %s it is', (name, changes) => {
  let thrown: unknown;
  try {
    readMetadata({ ...honest, ...changes }, origin);
  } catch (error) {
    thrown = error;
  }
  const { instance, cause } = thrown as MastodonError;
  expect(instance).toBe('social.example');
  expect((cause as Error).message).toContain(` ${name} `);
});

it('a URL has at most 512 characters', () => {
  const address = `${origin}/`.padEnd(512, 'a');
  expect(isOn(origin, address)).toBe(true);
  expect(isOn(origin, `${address}a`)).toBe(false);
});

it('a server on this machine, for development, may use http everywhere', () => {
  const local = 'http://localhost:4000';
  expect(readMetadata(at(local), local)).toMatchObject({ issuer: local });
});

it('members that are missing in a document are absent', () => {
  expect(Object.keys(readMetadata(at(origin), origin) ?? {})).toEqual([
    'issuer',
    'authorizationEndpoint',
    'tokenEndpoint',
    'registrationEndpoint',
    'promisesIssuer',
  ]);
});

const at = (base: string) => ({
  issuer: `${base}/`,
  authorization_endpoint: `${base}/oauth/authorize`,
  token_endpoint: `${base}/oauth/token`,
  app_registration_endpoint: `${base}/api/v1/apps`,
});
const unregistered = { ...honest, app_registration_endpoint: undefined };

describe('a server without registration', () => {
  const fetching = {
    issuer: origin,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    scopes_supported: ['read', 'write', 'profile'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  };

  it('is usable for logins if it reads client metadata documents, and binds codes to the client', () => {
    expect(readMetadata(fetching, origin)).toStrictEqual({
      issuer: origin,
      authorizationEndpoint: `${origin}/oauth/authorize`,
      tokenEndpoint: `${origin}/oauth/token`,
      promisesIssuer: true,
      scopesSupported: ['read', 'write', 'profile'],
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['does not say that it reads them', { client_id_metadata_document_supported: undefined }],
    ['says so in another way', { client_id_metadata_document_supported: 'true' }],
    ['has no PKCE', { code_challenge_methods_supported: ['plain'] }],
    ['does not promise its name', { authorization_response_iss_parameter_supported: false }],
    ['has a page of another product', { authorization_endpoint: `${origin}/authorize` }],
    ['has the tokens of another product', { token_endpoint: `${origin}/token` }],
    ['has no scopes', { scopes_supported: undefined }],
    ['has no scopes of Mastodon', { scopes_supported: ['openid', 'profile'] }],
    ['has other scopes of Mastodon', { scopes_supported: ['read', 'write'] }],
    ['has a text of scopes', { scopes_supported: 'read profile' }],
  ])('is not usable for logins where it %s', (_what, changes) => {
    expect(readMetadata({ ...fetching, ...changes }, origin)).toBeUndefined();
  });
});

it.each<[string, Record<string, unknown>]>([
  ['nothing in it', {}],
  ['an issuer below a path', { ...honest, issuer: `${origin}/index.php/apps/social/` }],
  ['an issuer below a path, and addresses there', { ...at(`${origin}/tenant`), issuer: `${origin}/tenant` }],
  ['nowhere to register, as another product writes it', unregistered],
  ['nowhere to register, told with null', { ...honest, app_registration_endpoint: null }],
  ['http everywhere, as behind a proxy that ends https', at('http://social.example')],
  ['http everywhere but in the issuer', { ...at('http://social.example'), issuer: origin }],
  ['another name everywhere', at('https://first.example')],
])('a document with %s is not about the Mastodon login of this server', (_what, document) => {
  expect(readMetadata(document, origin)).toBeUndefined();
});

it.each<[string, Record<string, unknown>]>([
  ['another issuer and nothing else', { issuer: 'https://first.example' }],
  ['another issuer, and one address here', { ...at('https://first.example'), token_endpoint: `${origin}/x` }],
  ['addresses elsewhere, and an issuer here', { ...at('https://first.example'), issuer: origin }],
  ['a third name', { ...at('https://first.example'), revocation_endpoint: 'https://third.example/x' }],
  [
    'an issuer below a path, and an address elsewhere',
    { ...at('https://evil.example'), issuer: `${origin}/a` },
  ],
  [
    'nowhere to register, and an address elsewhere',
    { ...unregistered, token_endpoint: 'https://evil.example/' },
  ],
  [
    'http everywhere, and an issuer elsewhere',
    { ...at('http://social.example'), issuer: 'https://evil.example' },
  ],
  ['http everywhere, and an issuer that is no text', { ...at('http://social.example'), issuer: 7 }],
  ['an issuer by http and nothing else', { issuer: 'http://social.example' }],
  ['http everywhere, of another server', { ...at('http://evil.example'), issuer: origin }],
  [
    'http everywhere but elsewhere once',
    { ...at('http://social.example'), token_endpoint: 'http://evil.example' },
  ],
])('a document with %s is still not safe', (_what, document) => {
  expect(codeThrownBy(() => readMetadata(document, origin))).toBe('instance_insecure');
});

it.each<[string, Record<string, unknown>, string | undefined]>([
  ['another origin from end to end', at('https://first.example'), 'https://first.example'],
  ['this origin', honest, undefined],
  ['this host by http', at('http://social.example'), undefined],
  ['another issuer alone', { issuer: 'https://first.example' }, undefined],
  [
    'an issuer below a path elsewhere',
    { ...at('https://first.example'), issuer: 'https://first.example/a' },
    undefined,
  ],
  [
    'two other origins',
    { ...at('https://first.example'), token_endpoint: 'https://third.example/' },
    undefined,
  ],
  ['an issuer that is no URL', { ...honest, issuer: 'first' }, undefined],
  [
    'an issuer that is a list',
    { ...at('https://first.example'), issuer: ['https://first.example'] },
    undefined,
  ],
])('the issuer in a document: %s', (_what, document, named) => {
  expect(namedOrigin(document, origin)).toBe(named);
});

it('the error about a missing member names the server', () => {
  expect(() => readMetadata({ ...honest, token_endpoint: undefined }, origin)).toThrow(/social\.example/);
});

it.each(['issuer', 'authorization_endpoint', 'token_endpoint'])(
  'a document without %s is not usable',
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
  ['longer than any', ['x'.repeat(63), 'y'.repeat(64)], ['x'.repeat(63)]],
  ['without end', Array<string>(150).fill('read'), Array<string>(100).fill('read')],
])('scopes that are %s do no harm', (_what, scopes_supported, expected) => {
  expect(readMetadata({ ...honest, scopes_supported }, origin)?.scopesSupported).toEqual(expected);
});
