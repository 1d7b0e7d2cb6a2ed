/** Verification of client credentials: the request, and the answers that show a deleted client. */

import type { Client } from '../../lib/client/client.js';
import { Clients, type ClientOf } from '../../lib/client/clients.js';
import { declareDead, isKnown, isUnknownClient, verifyClient } from '../../lib/client/verification.js';
import { ReferralLimits } from '../../lib/http/referrals.js';
import { Store } from '../../lib/store.js';
import { contextOf, httpTo } from '../support/network.js';
import { anInstance, anInstanceRecord, answerOf, LockingStore } from '../support/stage.js';

it.each([
  ['Mastodon, Hollo, Friendica', answerOf(401, { error: 'invalid_client' })],
  ['GoToSocial', answerOf(400, { error: 'sql: no rows in result set' })],
  ['Pleroma and Akkoma', answerOf(400, { error: 'Invalid credentials' })],
  ['snac', answerOf(401, '', 'text/html')],
  ['a scope that is not taken any more', answerOf(400, { error: 'invalid_scope' })],
  ['an error that is a list', answerOf(400, { error: ['no such code'] })],
  ['an error that is an object', answerOf(400, { error: { name: 'ZodError' } })],
])('the client is unknown: %s', (_server, answer) => {
  expect(isUnknownClient(answer)).toBe(true);
});

it.each([
  ['a token', answerOf(200, { access_token: 'x' })],
  ['Mitra, which knows no such grant', answerOf(401, { error: 'unsupported grant type' })],
  ['a server without this grant', answerOf(400, { error: 'unsupported_grant_type' })],
  ['a client without this grant', answerOf(400, { error: 'unauthorized_client' })],
  ['Iceshrimp, which speaks of a code', answerOf(401, { error: 'Invalid code' })],
  ['a limit', answerOf(429, '')],
  ['a server that is down', answerOf(503, '<title>Down</title>', 'text/html')],
  ['a crash', answerOf(500, '')],
  ['no such page', answerOf(404, '')],
  ['a bot check', answerOf(401, '<title>Are you human?</title>', 'text/html')],
  ['a firewall', answerOf(403, '<title>Are you human?</title>', 'text/html')],
])('the answer does not show that the client is unknown: %s', (_server, answer) => {
  expect(isUnknownClient(answer)).toBe(false);
});

describe('at a server', () => {
  const site = { clientName: 'A site', callbackURL: 'https://site.example/callback' };
  const app = { redirectURI: 'https://site.example/callback/mastodon.example', scope: 'profile' };

  async function aStage() {
    const server = await anInstance();
    const instance = anInstanceRecord({ origin: server.origin });
    const backend = new LockingStore();
    const clients = new Clients(new Store(backend, 5000), site, new ReferralLimits());
    const add = (clientId: string) =>
      clients.add(server.host, 'app', { ...app, clientId, clientSecret: 'secret' });
    const ofClient = (clientId: string): ClientOf => ({ host: server.host, appKey: 'app', clientId });
    const context = contextOf(httpTo([server]));
    const verify = (client: Client) =>
      verifyClient(context, clients, instance, ofClient(client.clientId), client);
    return { server, instance, backend, clients, context, add, ofClient, verify };
  }

  it('a token of the client’s own is requested, as Mastodon requires', async () => {
    const { server, instance, clients, context, add, ofClient } = await aStage();
    server.answerWith('/oauth/token', 200, { access_token: 'x' });
    const client = await add('id');
    expect(await isKnown(context, clients, instance, ofClient('id'), client)).toBe(true);
    expect(server.requests.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
      {
        ...{ method: 'POST', path: '/oauth/token' },
        body: {
          ...{ grant_type: 'client_credentials', client_id: 'id', client_secret: 'secret' },
          ...{ redirect_uri: app.redirectURI, scope: 'profile' },
        },
      },
    ]);
  });

  it.each<[string, number, object, 'unverified' | 'dead']>([
    ['a token', 200, { access_token: 'x' }, 'unverified'],
    ['a clear no', 401, { error: 'invalid_client' }, 'dead'],
    ['trouble', 503, {}, 'unverified'],
  ])('a client is recorded as dead only after a clear answer: %s', async (_what, status, body, state) => {
    const { server, clients, add, verify } = await aStage();
    server.answerWith('/oauth/token', status, body);
    expect(await verify(await add('id'))).toMatchObject({ clientId: 'id', state });
    expect(await clients.current(server.host, 'app')).toMatchObject({ state });
  });

  it('a client is not recorded as dead if there is no answer', async () => {
    const { server, add, verify } = await aStage();
    const client = await add('id');
    await server.close();
    expect(await verify(client)).toMatchObject({ state: 'unverified' });
  });

  it('a client with lost credentials is dead, and the instance receives no request', async () => {
    const { server, backend, add, verify } = await aStage();
    const client = await add('id');
    for (const key of backend.records.keys()) if (key.includes(':credentials')) backend.records.delete(key);
    expect(await verify(client)).toMatchObject({ state: 'dead' });
    expect(server.requests).toEqual([]);
  });

  it('the time is written before the request, so that other processes send none meanwhile', async () => {
    const { server, clients, add, verify } = await aStage();
    const client = await add('id');
    const begun = Date.now();
    let seen: Client | undefined;
    server.answer('/oauth/token', async (_req, res) => {
      seen = await clients.current(server.host, 'app');
      res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"access_token":"x"}');
    });
    await verify(client);
    expect(seen?.verifiedAt).toBeGreaterThanOrEqual(begun);
  });

  it('that rejects one new client after another is not believed for the fourth, which stays in use', async () => {
    const { server, clients, add, ofClient } = await aStage();
    for (const [clientId, isBelieved] of [
      ...(['one', 'two', 'three'] as const).map((id) => [id, true] as const),
      ['four', false],
    ] as const) {
      expect(await declareDead(clients, ofClient(clientId), await add(clientId))).toBe(isBelieved);
    }
    expect(await clients.current(server.host, 'app')).toMatchObject({
      clientId: 'four',
      state: 'unverified',
    });
  });
});
