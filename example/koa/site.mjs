/** "Log in with Mastodon" in Koa: one page with the form, or with the user. */

import Router from '@koa/router';
import { Keyv } from 'keyv';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import mount from 'koa-mount';
import passport from 'koa-passport';
import session from 'koa-session';
import serve from 'koa-static';
import { MastodonStrategy } from 'passport-mastodon-oauth2';
import { buttonFolder, loginForm } from 'passport-mastodon-oauth2/button/form';

const { PORT = '3000', SESSION_SECRET = 'change me' } = process.env;
/** The address of the site, as visitors see it. */
const origin = process.env.ORIGIN ?? `http://localhost:${PORT}`;

const strategy = new MastodonStrategy(
  {
    clientName: 'An example with Koa',
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
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

// In memory, and with one of Keyv's adapters in a database. Without a store, koa-session keeps the session in the cookie,
// and a copy of it outlives the log-out.
const sessions = new Keyv({ namespace: 'session' });
const store = {
  get: (id) => sessions.get(id),
  set: (id, data, maxAgeMs) => sessions.set(id, data, maxAgeMs),
  destroy: (id) => sessions.delete(id),
};

const app = new Koa();
// Behind a proxy that speaks https: app.proxy = true, and `secure: true` for the session.
app.keys = [SESSION_SECRET];
app.use(mount('/button', serve(buttonFolder)));
app.use(session({ store, sameSite: 'lax' }, app));
app.use(bodyParser());
app.use(passport.initialize());
app.use(passport.session());

const failure = { failureRedirect: '/', failureMessage: true };
const router = new Router();

router.post('/auth/mastodon', (ctx, next) => {
  const state = { from: ctx.request.body.from ?? '' };
  return passport.authenticate('mastodon', { ...failure, state })(ctx, next);
});

router.get('/auth/mastodon/callback/:instance', passport.authenticate('mastodon', failure), (ctx) => {
  ctx.redirect(`/?from=${encodeURIComponent(ctx.state.authInfo.state.from)}`);
});

router.get('/auth/mastodon/client/:instance', (ctx) => {
  ctx.respond = false; // it writes to Node's own response
  strategy.clientMetadata(ctx.req, ctx.res);
});

router.get('/', (ctx) => {
  // The message of `failureMessage`, shown once.
  const message = ctx.session.messages?.at(-1);
  delete ctx.session.messages;
  const { user } = ctx.state;
  ctx.body = page(user ? welcome(user, message) : form(message, ctx.query.from));
});

router.get('/me', (ctx) => {
  ctx.body = { user: ctx.state.user ?? null };
});

router.post('/logout', async (ctx) => {
  await ctx.logout();
  ctx.status = 303;
  ctx.redirect('/');
});

app.use(router.routes());

function page(content) {
  return `<!doctype html>
  <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta name="color-scheme" content="light dark">
    <title>An example with Koa</title>
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

app.listen(PORT);
