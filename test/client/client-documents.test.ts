/** Logins at a Mastodon that reads client metadata documents and offers no registration. */

import { aFutureMastodon, allNamesHere, aURLClientSite, aWebSite } from '../support/url-client-stage.js';
import { Visitor } from '../support/visitor.js';
import { anInstance, leave, start } from '../support/stage.js';

it('logs alice in with a JSON document that it fetches, without a secret and without a registration', async () => {
  const instance = await aFutureMastodon();
  const site = await aWebSite([instance], { website: undefined });
  const page = await new Visitor(allNamesHere).login(site, instance.host);
  expect([page.status, page.json()]).toMatchObject([
    200,
    {
      id: `${instance.origin}#${instance.account('alice').id}`,
      handle: `alice@${instance.host}`,
      handleVerified: true,
      actor: instance.actorOf(instance.account('alice')),
      instance: { software: 'mastodon' },
    },
  ]);
  const clientId = `${site.origin}/client/${instance.host}.json`;
  expect([...instance.apps.values()]).toMatchObject([
    { clientId, name: 'A site on the web adapter', scopes: ['profile'] },
  ]);
  expect(instance.requestsTo('POST /api/v1/apps')).toEqual([]);
  const offered = instance.requestsTo('POST /oauth/token').map(({ body }) => body as Record<string, string>);
  for (const body of offered) {
    expect([body['client_id'], body['client_secret']]).toEqual([clientId, undefined]);
    expect(body['code_verifier']).toMatch(/^[\w-]{43}$/);
  }
});

it('is asked for the site’s scope, as in the document', async () => {
  const instance = await aFutureMastodon();
  const site = await aWebSite([instance], { scope: ['read:accounts', 'write'] });
  expect((await new Visitor(allNamesHere).login(site, instance.host)).status).toBe(200);
  expect([...instance.tokens.values()].at(-1)?.scopes).toEqual(['read:accounts', 'write']);
});

it('revokes a token there, like every Mastodon', async () => {
  const instance = await aFutureMastodon();
  const site = await aWebSite([instance]);
  await new Visitor(allNamesHere).login(site, instance.host);
  const [token = ''] = instance.tokens.keys();
  await site.login.revoke(instance.origin, token);
  expect(instance.tokens.has(token)).toBe(false);
});

it('registers as usual, as long as it supports it, because then it need not reach the site', async () => {
  const instance = await aFutureMastodon({ registers: true });
  const site = await aWebSite([instance]);
  const page = await new Visitor(allNamesHere).login(site, instance.host);
  expect(page.status).toBe(200);
  expect(instance.registrations).toBe(1);
  expect([...instance.apps.keys()].join()).not.toContain('https:');
});

describe('a site without client metadata', () => {
  it('is refused before a visitor is redirected to a page that does not know the client', async () => {
    const instance = await aFutureMastodon();
    const site = await aURLClientSite({ instances: [instance], options: { clientMetadataURL: undefined } });
    const page = await start(new Visitor(), site, instance.host);
    expect([page.status, page.json()]).toMatchObject([422, { code: 'instance_unsupported' }]);
  });
});

describe('another product that reads client metadata, on the host of a Mastodon', () => {
  it.each([
    ['at pages of its own', (origin: string) => ({ token_endpoint: `${origin}/wp-json/oauth/token` })],
    ['for scopes of its own', () => ({ scopes_supported: ['mcp', 'profile'] })],
    [
      'without naming itself in its answers',
      () => ({ authorization_response_iss_parameter_supported: false }),
    ],
    ['without PKCE', () => ({ code_challenge_methods_supported: ['plain'] })],
    ['or says so in a word', () => ({ client_id_metadata_document_supported: 'true' })],
  ])('%s: the login is at the Mastodon server, and not at the other', async (_where, changes) => {
    const instance = await anInstance('gotosocial');
    const { origin } = instance;
    instance.answerWith('/.well-known/oauth-authorization-server', 200, {
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      scopes_supported: ['read', 'profile'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
      ...changes(origin),
    });
    const site = await aURLClientSite({ instances: [instance] });
    const away = new URL(await leave(new Visitor(), site, instance.host));
    expect(away.searchParams.get('client_id')).not.toContain('https:');
    expect(instance.registrations).toBe(1);
  });
});
