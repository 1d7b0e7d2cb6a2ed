/** What a server is asked about the client itself, and which answers mean that it has forgotten it. */

import { isClientAlive, isUnknownClient } from '../../lib/client/proof.js';
import type { Answer, Network } from '../../lib/http/network.js';
import type { PinnedInstance } from '../../lib/options.js';
import { answerOf } from '../support/records.js';

it.each([
  ['Mastodon, Hollo, Friendica', answerOf(401, { error: 'invalid_client' })],
  ['GoToSocial', answerOf(400, { error: 'sql: no rows in result set' })],
  ['Pleroma and Akkoma', answerOf(400, { error: 'Invalid credentials' })],
  ['snac', answerOf(401, '', 'text/html')],
  ['a scope that is not taken any more', answerOf(400, { error: 'invalid_scope' })],
  ['an error that is a list', answerOf(400, { error: ['no such code'] })],
  ['an error that is an object', answerOf(400, { error: { name: 'ZodError' } })],
])('dead: %s', (_server, answer) => {
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
  ['a question in between', answerOf(401, '<title>Are you human?</title>', 'text/html')],
  ['a page in between', answerOf(403, '<title>Are you human?</title>', 'text/html')],
])('not known to be dead: %s', (_server, answer) => {
  expect(isUnknownClient(answer)).toBe(false);
});

const instance = { tokenEndpoint: 'https://mastodon.example/oauth/token' } as PinnedInstance;
const client = {
  clientId: 'id',
  clientSecret: 'secret',
  redirectURI: 'https://site.example/callback/mastodon.example',
  scope: 'profile',
};

/** Asks a server that answers so. */
async function ask(answer: () => Promise<Answer>): Promise<{ alive: boolean; asked: unknown[] }> {
  const asked: unknown[] = [];
  const network = {
    post: (...question: unknown[]) => {
      asked.push(question);
      return answer();
    },
  } as unknown as Network;
  return { alive: await isClientAlive(network, instance, client), asked };
}

it('asks for a token of the client’s own, as Mastodon wants it', async () => {
  const { asked } = await ask(async () => answerOf(200, { access_token: 'x' }));
  expect(asked).toEqual([
    [
      'https://mastodon.example/oauth/token',
      {
        grant_type: 'client_credentials',
        client_id: 'id',
        client_secret: 'secret',
        redirect_uri: 'https://site.example/callback/mastodon.example',
        scope: 'profile',
      },
    ],
  ]);
});

it('only a clear no costs a registration', async () => {
  expect((await ask(async () => answerOf(200, { access_token: 'x' }))).alive).toBe(true);
  expect((await ask(async () => answerOf(401, { error: 'invalid_client' }))).alive).toBe(false);
  expect((await ask(async () => Promise.reject(new Error('no answer')))).alive).toBe(true);
});
