/** Express 5 with cookie-session: the whole session is in the cookie, signed. */

import cookieSession from 'cookie-session';
import express from 'express';
import passport from 'passport';
import { MastodonStrategy } from 'passport-mastodon-oauth2';

passport.use(
  new MastodonStrategy(
    {
      clientName: 'A site with cookie-session',
      callbackURL: `${process.env.ORIGIN}/auth/mastodon/callback`,
      developmentInstances: process.env.DEVELOPMENT_INSTANCES.split(' '),
    },
    async (_accessToken, _refreshToken, profile) => ({ id: profile.id, handle: profile.handle }),
  ),
);
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const app = express();
app.use(express.urlencoded());
app.use(cookieSession({ secret: 'change me', sameSite: 'lax' }));
app.use((req, _res, next) => {
  completeSession(req);
  next();
});
app.use(passport.session());

/**
 * Since 0.6, Passport calls two methods that cookie-session lacks. They are not enumerable, so the cookie does not
 * contain them.
 */
function completeSession(req) {
  Object.defineProperties(req.session, {
    regenerate: {
      configurable: true,
      value(done) {
        req.session = {};
        completeSession(req);
        done();
      },
    },
    save: { configurable: true, value: (done) => done() },
  });
}

const toLogin = { failureRedirect: '/login', failureMessage: true };

app.post('/auth/mastodon', (req, res, next) => {
  const state = { from: req.body.from };
  passport.authenticate('mastodon', { ...toLogin, state })(req, res, next);
});
app.get('/auth/mastodon/callback/:instance', passport.authenticate('mastodon', toLogin), (req, res) => {
  res.redirect(`/me?from=${encodeURIComponent(req.authInfo.state.from)}`);
});
app.get('/login', (req, res) => {
  const { messages = [] } = req.session;
  delete req.session.messages;
  res.json({ messages });
});
app.get('/me', (req, res) => res.json({ user: req.user ?? null }));

app.listen(process.env.PORT);
