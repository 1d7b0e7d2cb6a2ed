/** The attacker makes the site send a browser, or a code, to a URL of the attacker's choice. */

import type { LookupFunction } from 'node:net';
import { aStage, leave, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

/** The name server knows only the instance. */
const noName: LookupFunction = (_name, _options, callback) =>
  callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '');

it('the redirect goes to the instance, is cached by no browser, and has a state without escapes', async () => {
  const { instance, site, visitor } = await aStage();
  const page = await start(visitor, site, instance.host);
  const { origin, pathname, searchParams } = new URL(page.location ?? '');
  expect([page.status, origin, pathname]).toEqual([302, instance.origin, '/oauth/authorize']);
  expect(Object.fromEntries(searchParams)).toEqual({
    response_type: 'code',
    client_id: [...instance.apps.keys()][0],
    redirect_uri: `${site.callbackURL}/${instance.host}`,
    scope: 'profile',
    state: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
    code_challenge: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
    code_challenge_method: 'S256',
  });
});

it('no two logins have the same state or challenge', async () => {
  const { instance, site, visitor } = await aStage();
  const seen = new Set<string | null>();
  for (let i = 0; i < 20; i++) {
    const { searchParams } = new URL(await leave(visitor, site, instance.host));
    seen.add(searchParams.get('state')).add(searchParams.get('code_challenge'));
  }
  expect(seen.size).toBe(40);
});

describe('typed text leads to the instance it names or nowhere', () => {
  it.each([
    ...['HOST@evil.example', 'https://HOST@evil.example/', 'HOST#@evil.example', 'HOST\\@evil.example'],
    ...['evil.example#HOST', 'https://evil.example\\HOST', '//evil.example/HOST', 'HOST.evil.example'],
    ...['HOST\r\nLocation: https://evil.example', 'HOST%0d%0aSet-Cookie:x=1', 'HOST%2f@evil.example'],
    ...[
      'HOST&redirect_uri=https://evil.example',
      'HOST?redirect_uri=https://evil.example',
      'javascript:HOST',
    ],
  ])('%j', async (pattern) => {
    const { instance, site } = await aStage('mastodon45', { options: { outbound: { lookup: noName } } });
    const page = await start(new Visitor(), site, pattern.replace('HOST', instance.host));
    expect(page.headers['set-cookie']?.join() ?? '').not.toContain('x=1');
    if (page.location === undefined) return expect(page.status).toBeGreaterThanOrEqual(400);
    const { origin, searchParams } = new URL(page.location);
    expect(origin).toBe(instance.origin);
    expect(searchParams.getAll('redirect_uri')).toEqual([`${site.callbackURL}/${instance.host}`]);
  });
});

it('an instance’s own authorization URL cannot replace the parameters of the login', async () => {
  const { instance, site, visitor } = await aStage();
  const evil =
    'redirect_uri=https://evil.example&client_id=evil&response_type=token&state=x&state=y&scope=write&code_challenge_method=plain';
  instance.answerWith('/.well-known/oauth-authorization-server', 200, {
    issuer: instance.origin,
    authorization_endpoint: `${instance.origin}/oauth/authorize?${evil}&own=1`,
    token_endpoint: `${instance.origin}/oauth/token`,
    app_registration_endpoint: `${instance.origin}/api/v1/apps`,
  });
  const { searchParams } = new URL(await leave(visitor, site, instance.host));
  expect(searchParams.get('own')).toBe('1');
  for (const name of new Set(searchParams.keys())) expect(searchParams.getAll(name)).toHaveLength(1);
  expect(searchParams.get('client_id')).toBe([...instance.apps.keys()][0]);
  for (const random of ['client_id', 'state', 'code_challenge']) {
    expect(searchParams.get(random)).toMatch(/^[\w-]{32,}$/);
    // A random value may contain any of the words below.
    searchParams.delete(random);
  }
  expect([...searchParams.values()].join()).not.toMatch(/evil|token|plain/);
});

it('neither can the options that a site fills from its request', async () => {
  const lang = 'de&redirect_uri=https://evil.example#x';
  const { instance, site, visitor } = await aStage('mastodon45', { authenticate: { lang } });
  const { searchParams, hash } = new URL(await leave(visitor, site, instance.host));
  expect([searchParams.get('lang'), hash]).toEqual([lang, '']);
  expect(searchParams.getAll('redirect_uri')).toEqual([`${site.callbackURL}/${instance.host}`]);
});

it('the redirect URI does not depend on what a request says about the site', async () => {
  const { instance, site, visitor } = await aStage();
  const headers = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'http',
    forwarded: 'host=evil.example',
  };
  const { location = '' } = await visitor.post(
    `${site.origin}/auth/mastodon`,
    { instance: instance.host },
    headers,
  );
  expect(new URL(location).searchParams.get('redirect_uri')).toBe(`${site.callbackURL}/${instance.host}`);
  expect([...instance.apps.values()].map(({ redirectURIs }) => redirectURIs)).toEqual([
    [`${site.callbackURL}/${instance.host}`],
  ]);
});
