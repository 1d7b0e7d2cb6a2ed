/** @fastify/oauth2 with discovery. */

import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import oauth2 from '@fastify/oauth2';
import Fastify from 'fastify';
import { clientId, clientSecret, issuer, origin } from './site.mjs';

const users = new Map();
const app = Fastify();
app.register(cookie);
app.register(oauth2, {
  name: 'mastodon',
  discovery: { issuer },
  credentials: { client: { id: clientId, secret: clientSecret } },
  scope: ['openid', 'profile'],
  pkce: 'S256',
  startRedirectPath: '/login',
  callbackUri: `${origin}/callback`,
});
app.get('/callback', async (req, reply) => {
  const { token } = await app.mastodon.getAccessTokenFromAuthorizationCodeFlow(req, reply);
  const id = randomUUID();
  users.set(id, await app.mastodon.userinfo(token));
  return reply.setCookie('session', id, { path: '/', httpOnly: true }).redirect('/');
});
app.get('/me', (req, reply) =>
  reply.type('application/json').send(JSON.stringify(users.get(req.cookies.session) ?? null)),
);
app.get('/', () => 'home');
await app.listen({ port: Number(new URL(origin).port), host: '127.0.0.1' });
process.stdout.write('listening\n');
