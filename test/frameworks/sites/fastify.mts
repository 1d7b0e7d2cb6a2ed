/** Fastify with @fastify/passport, in TypeScript. */

import cookie from '@fastify/cookie';
import formbody from '@fastify/formbody';
import passport from '@fastify/passport';
import session from '@fastify/session';
import fastify from 'fastify';
import { MastodonStrategy } from 'passport-mastodon-oauth2';

declare module 'fastify' {
  interface Session {
    messages?: string[];
  }
}

const strategy = new MastodonStrategy(
  {
    clientName: 'A site with Fastify',
    callbackURL: `${process.env.ORIGIN}/auth/mastodon/callback`,
    clientURL: `${process.env.ORIGIN}/auth/mastodon/client`,
    developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
  },
  async (_accessToken, _refreshToken, profile) => ({ id: profile.id, handle: profile.handle }),
);
passport.use(strategy);
passport.registerUserSerializer(async (user) => user);
passport.registerUserDeserializer(async (user) => user);

const app = fastify();
await app.register(formbody);
await app.register(cookie);
await app.register(session, {
  secret: 'change me: it has to be thirty-two characters at least',
  saveUninitialized: false,
  cookie: { secure: 'auto', sameSite: 'lax' },
});
await app.register(passport.initialize());
await app.register(passport.secureSession());

const toLogin = { failureRedirect: '/login', failureMessage: true };

app.post<{ Body: { from: string } }>('/auth/mastodon', async function (request, reply) {
  const state = { from: request.body.from };
  await passport.authenticate('mastodon', { ...toLogin, state }).call(this, request, reply);
});
app.get(
  '/auth/mastodon/callback/:instance',
  { preValidation: passport.authenticate('mastodon', toLogin) },
  (request, reply) => {
    const { state } = request.authInfo as { state: { from: string } };
    return reply.redirect(`/me?from=${encodeURIComponent(state.from)}`);
  },
);
app.get('/auth/mastodon/client/:instance', (request, reply) => {
  reply.hijack(); // it writes to Node's own response
  strategy.clientDocument(request.raw, reply.raw);
});
app.get('/login', async (request) => {
  const { messages = [] } = request.session;
  delete request.session.messages;
  return { messages };
});
app.get('/me', async (request) => ({ user: request.user ?? null }));

await app.listen({ port: Number(process.env.PORT) });
