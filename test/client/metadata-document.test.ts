/** What servers are told that ask what this site is. */

import { ClientMetadata } from '../../lib/client/metadata-document.js';

const site = {
  clientName: 'Tom & <b>"Jerry\'s"</b>',
  callbackURL: 'https://site.example/auth/callback',
  clientMetadataURL: 'https://site.example/auth/client',
  website: undefined,
  scope: undefined,
  developmentOrigins: new Set(['http://localhost:4000']),
};
const document = new ClientMetadata(site);
const at = (segment: string, method = 'GET') => document.answer(method, `/auth/client/${segment}`);

it('names the client by its very ID, and the one redirect URI of this instance', () => {
  const { status, headers, body } = at('misskey.example');
  expect(status).toBe(200);
  expect(headers['Link']).toBe('<https://site.example/auth/callback/misskey.example>; rel="redirect_uri"');
  expect(body).toContain(
    '<link rel="redirect_uri" href="https://site.example/auth/callback/misskey.example">',
  );
  expect(body).toContain(
    '<div class="h-app"><a class="u-url p-name" href="https://site.example/auth/client/misskey.example">',
  );
});

it('shows a name as text', () => {
  expect(at('misskey.example').body).toContain(
    '>Tom &#38; &#60;b&#62;&#34;Jerry&#39;s&#34;&#60;/b&#62;</a></div>',
  );
});

it('can be cached, runs nothing, and is framed by nobody', () => {
  expect(at('misskey.example').headers).toMatchObject({
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'public, max-age=300',
    'Content-Security-Policy':
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
  });
});

it('answers HEAD as GET, without the body', () => {
  const { body, ...get } = at('misskey.example');
  expect(at('misskey.example', 'HEAD')).toEqual({ ...get, body: '' });
  expect(get.headers['Content-Length']).toBe(String(Buffer.byteLength(body)));
});

it.each(['POST', 'PUT', 'OPTIONS', undefined])('answers %s with what it takes', (method) => {
  const { status, headers } = document.answer(method, '/auth/client/misskey.example');
  expect([status, headers['Allow'], headers['Link']]).toEqual([405, 'GET, HEAD', undefined]);
});

it('takes a development instance with its port, and a query that a cache or a proxy adds', () => {
  expect(at('localhost:4000').status).toBe(200);
  expect(document.answer('GET', '/auth/client/misskey.example?x=/y.example').body).toContain(
    'client/misskey.example"',
  );
});

it.each([
  '',
  'localhost',
  'localhost:4001',
  'x',
  'Misskey.example',
  'misskey.example.',
  'misskey.example:443',
  'misskey.example%2Fx',
  'b%C3%BCcher.example',
  '@alice@misskey.example',
  '127.0.0.1',
  '"><script>.example',
  'misskey.example/',
  '__proto__',
])('is not there for %s', (segment) => {
  const { status, headers, body } = at(segment);
  expect(status).toBe(404);
  expect(headers['Link']).toBeUndefined();
  expect(headers['Cache-Control']).toBe('no-store');
  expect(body).not.toContain(segment || 'site.example');
});

it('is not there at a site that has no URL to be known by', () => {
  const without = new ClientMetadata({ ...site, clientMetadataURL: undefined });
  expect(without.answer('GET', '/auth/client/misskey.example').status).toBe(404);
});

describe('in the form of a metadata document', () => {
  const json = (changes: { website?: string; scope?: string } = {}) =>
    JSON.parse(
      new ClientMetadata({ ...site, ...changes }).answer('GET', '/auth/client/social.example.json').body,
    ) as Record<string, unknown>;

  it('says the same of the client at an ID of its own, without a secret', () => {
    const { status, headers } = at('social.example.json');
    expect([status, headers['Content-Type'], headers['Link']]).toEqual([200, 'application/json', undefined]);
    expect(json()).toEqual({
      client_id: 'https://site.example/auth/client/social.example.json',
      client_name: site.clientName,
      redirect_uris: ['https://site.example/auth/callback/social.example'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'profile',
      token_endpoint_auth_method: 'none',
    });
  });

  it('names the scope that is asked for, and the home page where the ID lies below it', () => {
    expect(json({ scope: 'read write', website: 'https://site.example' })).toMatchObject({
      scope: 'read write',
      client_uri: 'https://site.example',
    });
    for (const website of ['https://other.example', 'https://site.example/about']) {
      expect(json({ website })).not.toHaveProperty('client_uri');
    }
  });

  it.each(['.json', 'x.json', '127.0.0.1.json', 'Social.example.json', 'social.example.JSON'])(
    'is not there for %s',
    (segment) => expect(at(segment).status).toBe(404),
  );
});
