/**
 * Accounts of Misskey and related servers log in through every entry point. Each serves its own client metadata
 * document.
 */

import { createHash } from 'node:crypto';
import { agree, startBridge } from '../bridge/stage.js';
import { anIssuer, answerOf, logInAt, openPage, redirectURI, shop } from '../issuer/stage.js';
import type { MisskeyStandIn } from '../support/stand-in/misskey/misskey.js';
import { aFront, allNamesHere, aMisskey, aWebSite, trusted } from '../support/url-client-stage.js';
import { Visitor, type Page } from '../support/visitor.js';

/** The client ID of an entry point at the instance, which fetched the document and read the name in it. */
function clientIdAt(instance: MisskeyStandIn): string | undefined {
  const ids = instance
    .requestsTo(/(GET \/oauth\/authorize|POST \/oauth\/token)/)
    .map(({ query, body }) => query['client_id'] ?? (body as Record<string, string>)['client_id']);
  expect(new Set(ids).size).toBe(1);
  return ids[0];
}

// The strictest reader of a document, and the one that also reads JSON.
describe.each(['misskey2025Early', 'misskey2026'] as const)('%s', (persona) => {
  let instance: MisskeyStandIn;
  let visitor: Visitor;
  beforeEach(async () => {
    instance = await aMisskey(persona);
    visitor = new Visitor(allNamesHere);
  });

  it('logs alice in through the web adapter', async () => {
    const front = await aWebSite([instance]);
    const page = await visitor.login(front, instance.host);
    expect([page.status, page.json()]).toMatchObject([
      200,
      { id: `${instance.origin}#${instance.account('alice').id}`, handle: `alice@${instance.host}` },
    ]);
    expect(clientIdAt(instance)).toBe(`${front.origin}/client/${instance.host}`);
  });

  it('gives her token to the client of the bridge', async () => {
    const front = await aFront();
    const stage = await startBridge([], {
      publicURL: `${front.origin}/games`,
      developmentInstances: [instance.origin],
      outbound: { ca: trusted() },
    });
    front.server.on('request', stage.bridge.router);
    const client = await stage.connect();
    const { url } = await client.request(instance.host);
    expect((await agree(visitor, url)).status).toBe(200);
    const told = await client.hear('fulfill');
    expect(told).toMatchObject({ scope: 'read:account', account: { handle: `alice@${instance.host}` } });
    expect([...instance.tokens.keys()]).toEqual([told.token]);
    expect(clientIdAt(instance)).toBe(`${front.origin}/games/client/${instance.host}/metadata`);
  });

  it('gives her claims at the issuer', async () => {
    const front = await aFront();
    const stage = await anIssuer([], {
      issuerURL: `${front.origin}/o`,
      developmentInstances: [instance.origin],
      outbound: { ca: trusted() },
    });
    front.server.on('request', stage.issuer.router);
    const claims = await idTokenOf(`${front.origin}/o`, visitor, (page) => logInAt(visitor, page, instance));
    expect(claims).toMatchObject({
      sub: `${instance.origin}#${instance.account('alice').id}`,
      preferred_username: `alice@${instance.host}`,
      mastodon_handle_verified: true,
      mastodon_software: instance.persona.software.name,
    });
    expect(clientIdAt(instance)).toBe(`${front.origin}/o/client/${instance.host}/metadata`);
  });
});

it('the web adapter reports a denial there as a denial', async () => {
  const instance = await aMisskey();
  const front = await aWebSite([instance]);
  const visitor = new Visitor(allNamesHere);
  const page = await visitor.login(front, instance.host, { deny: true });
  expect([page.status, page.json()]).toMatchObject([403, { code: 'access_denied' }]);
});

/** An authorization code grant without a client library, because none resolves names as the visitor does. */
async function idTokenOf(issuerURL: string, visitor: Visitor, logIn: (page: Page) => Promise<Page>) {
  const verifier = 'v'.repeat(43);
  const asked = new URLSearchParams({
    client_id: shop.client_id,
    redirect_uri: redirectURI,
    response_type: 'code',
    scope: 'openid profile',
    state: 'a state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const page = await openPage(visitor, `${issuerURL}/authorize?${asked.toString()}`);
  const code = answerOf(await logIn(page)).searchParams.get('code') ?? '';
  const basic = [shop.client_id, shop.client_secret ?? ''].map(encodeURIComponent).join(':');
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectURI, code_verifier: verifier };
  const tokens = await visitor.post(`${issuerURL}/token`, form, {
    Authorization: `Basic ${Buffer.from(basic).toString('base64')}`,
  });
  const [, payload = ''] = (tokens.json() as { id_token: string }).id_token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}
