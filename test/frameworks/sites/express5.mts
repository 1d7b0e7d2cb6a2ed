/** Express 5, in TypeScript. */

import express from 'express';
import session from 'express-session';
import passport from 'passport';
import { MastodonStrategy } from 'passport-mastodon-oauth2';

const strategy = new MastodonStrategy(
  {
    clientName: 'A site with Express 5',
    callbackURL: `${process.env.ORIGIN}/auth/mastodon/callback`,
    clientURL: `${process.env.ORIGIN}/auth/mastodon/client`,
    developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
  },
  async (_accessToken, _refreshToken, profile) => ({ id: profile.id, handle: profile.handle }),
);
passport.use(strategy);
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user: Express.User, done) => done(null, user));

const app = express();
app.use(express.urlencoded());
app.use(
  session({ secret: 'change me', resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }),
);
app.use(passport.session());

const toLogin = { failureRedirect: '/login', failureMessage: true };

app.post('/auth/mastodon', (req, res, next) => {
  const state = { from: req.body.from };
  passport.authenticate('mastodon', { ...toLogin, state })(req, res, next);
});
app.get('/auth/mastodon/callback/:instance', passport.authenticate('mastodon', toLogin), (req, res) => {
  const { state } = req.authInfo as { state: { from: string } };
  res.redirect(`/me?from=${encodeURIComponent(state.from)}`);
});
app.get('/auth/mastodon/client/:instance', strategy.clientDocument);
app.get('/login', (req, res) => {
  const { messages = [] } = req.session;
  delete req.session.messages;
  res.json({ messages });
});
app.get('/me', (req, res) => void res.json({ user: req.user ?? null }));

app.listen(process.env.PORT);
