/** Koa with koa-passport, and sessions in a store. */

import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import passport from 'koa-passport';
import Router from 'koa-router';
import session from 'koa-session';
import { MastodonStrategy } from 'passport-mastodon-oauth2';

const strategy = new MastodonStrategy(
  {
    clientName: 'A site with Koa',
    callbackURL: `${process.env.ORIGIN}/auth/mastodon/callback`,
    clientURL: `${process.env.ORIGIN}/auth/mastodon/client`,
    developmentInstances: process.env.DEVELOPMENT_INSTANCES.split(' '),
  },
  async (_accessToken, _refreshToken, profile) => ({ id: profile.id, handle: profile.handle }),
);
passport.use(strategy);
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const sessions = new Map(); // koa-redis or the like; without a store, the session is in the cookie
const store = {
  get: async (id) => sessions.get(id),
  set: async (id, data) => void sessions.set(id, data),
  destroy: async (id) => void sessions.delete(id),
};

const app = new Koa();
app.keys = ['change me'];
app.use(session({ store, sameSite: 'lax' }, app));
app.use(bodyParser());
app.use(passport.initialize());
app.use(passport.session());

const toLogin = { failureRedirect: '/login', failureMessage: true };

const router = new Router();
router.post('/auth/mastodon', (ctx, next) => {
  const state = { from: ctx.request.body.from };
  return passport.authenticate('mastodon', { ...toLogin, state })(ctx, next);
});
router.get('/auth/mastodon/callback/:instance', passport.authenticate('mastodon', toLogin), (ctx) => {
  ctx.redirect(`/me?from=${encodeURIComponent(ctx.state.authInfo.state.from)}`);
});
router.get('/auth/mastodon/client/:instance', (ctx) => {
  ctx.respond = false; // it writes to Node's own response
  strategy.clientDocument(ctx.req, ctx.res);
});
router.get('/login', (ctx) => {
  const { messages = [] } = ctx.session;
  delete ctx.session.messages;
  ctx.body = { messages };
});
router.get('/me', (ctx) => {
  ctx.body = { user: ctx.state.user ?? null };
});
app.use(router.routes());

app.listen(process.env.PORT);
