/** "Log in with Mastodon" in Fastify: one page with the form, or with the user. */

import cookie from '@fastify/cookie';
import formbody from '@fastify/formbody';
import passport from '@fastify/passport';
import session from '@fastify/session';
import files from '@fastify/static';
import fastify from 'fastify';
import { MastodonStrategy } from 'passport-mastodon-oauth2';
import { buttonFolder, loginForm } from 'passport-mastodon-oauth2/button/form';

const { PORT = '3000' } = process.env;
/** The address of the site, as visitors see it. */
const origin = process.env.ORIGIN ?? `http://localhost:${PORT}`;
/** Thirty-two characters at least. */
const secret = process.env.SESSION_SECRET ?? 'change me: this is not a secret, it is public';

const strategy = new MastodonStrategy(
  {
    clientName: 'An example with Fastify',
    callbackURL: `${origin}/auth/mastodon/callback`,
    // Servers without registration (Misskey) fetch this address, over https only.
    clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
    website: origin,
    // In production add a `store`, such as redisStore(client), which all processes share.
    developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
  },
  // A site with a database finds or creates its user by `profile.id` here. Handles can change hands.
  async (_accessToken, _refreshToken, profile) => ({ id: profile.id, handle: profile.handle }),
);
passport.use(strategy);
passport.registerUserSerializer(async (user) => user);
passport.registerUserDeserializer(async (user) => user);

// Behind a proxy that speaks https: fastify({ trustProxy: 1 }).
const app = fastify();
await app.register(files, { root: buttonFolder, prefix: '/button/' });
await app.register(formbody);
await app.register(cookie);
// Lax, not strict: the visitor returns by a link of another site. In production also a `store`.
await app.register(session, {
  secret,
  saveUninitialized: false,
  cookie: { secure: 'auto', sameSite: 'lax' },
});
await app.register(passport.initialize());
await app.register(passport.secureSession());

const failure = { failureRedirect: '/', failureMessage: true };

app.post('/auth/mastodon', async function (request, reply) {
  const state = { from: request.body?.from ?? '' };
  await passport.authenticate('mastodon', { ...failure, state }).call(this, request, reply);
});

app.get(
  '/auth/mastodon/callback/:instance',
  { preValidation: passport.authenticate('mastodon', failure) },
  (request, reply) => reply.redirect(`/?from=${encodeURIComponent(request.authInfo.state.from)}`),
);

app.get('/auth/mastodon/client/:instance', (request, reply) => {
  reply.hijack(); // it writes to Node's own response
  strategy.clientMetadata(request.raw, reply.raw);
});

app.get('/', async (request, reply) => {
  // The message of `failureMessage`, shown once.
  const message = request.session.get('messages')?.at(-1);
  request.session.set('messages', undefined);
  const { user, query } = request;
  return reply.type('text/html').send(page(user ? welcome(user, message) : form(message, query.from)));
});

app.get('/me', async (request) => ({ user: request.user ?? null }));

app.post('/logout', async (request, reply) => {
  await request.logOut();
  return reply.redirect('/', 303);
});

function page(content) {
  return `<!doctype html>
  <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta name="color-scheme" content="light dark">
    <title>An example with Fastify</title>
    <link rel="stylesheet" href="/button/mastodon-login.css">
    <script type="module" src="/button/mastodon-login.js"></script>
    ${content}
  </html>`;
}

/** `from` is the page to return to. It comes back as `state`. */
function form(message, from = '') {
  return loginForm({
    action: '/auth/mastodon',
    failure: message && { message },
    hidden: { from: String(from) },
  });
}

// Handles and messages contain no markup. A display name may contain markup: escape it.
function welcome(user, message = '') {
  return `<p role="alert">${message}</p>
   <p>You are logged in as @${user.handle}.</p>
   <form method="post" action="/logout"><button>Log out</button></form>`;
}

await app.listen({ port: Number(PORT) });
