/** Express 4, in CommonJS. */

const express = require('express-4'); // express@4, under another name as this package also tests with Express 5
const session = require('express-session');
const passport = require('passport');
const { MastodonStrategy } = require('passport-mastodon-oauth2');

const strategy = new MastodonStrategy(
  {
    clientName: 'A site with Express 4',
    callbackURL: `${process.env.ORIGIN}/auth/mastodon/callback`,
    clientURL: `${process.env.ORIGIN}/auth/mastodon/client`,
    developmentInstances: process.env.DEVELOPMENT_INSTANCES.split(' '),
  },
  async (_accessToken, _refreshToken, profile) => ({ id: profile.id, handle: profile.handle }),
);
passport.use(strategy);
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const app = express();
app.use(express.urlencoded({ extended: true }));
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
  res.redirect(`/me?from=${encodeURIComponent(req.authInfo.state.from)}`);
});
app.get('/auth/mastodon/client/:instance', strategy.clientDocument);
app.get('/login', (req, res) => {
  const { messages = [] } = req.session;
  delete req.session.messages;
  res.json({ messages });
});
app.get('/me', (req, res) => res.json({ user: req.user ?? null }));

app.listen(process.env.PORT);
