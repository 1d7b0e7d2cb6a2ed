/**
 * One contender: an Express site with sessions that logs in with this package, or with passport-oauth2 set up by
 * hand.
 */

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { lookup } from 'node:dns';
import { createClient } from '@redis/client';
import express from 'express';
import session from 'express-session';
import passport from 'passport';
import OAuth2Strategy from 'passport-oauth2';
import { answering, settings } from './processes.mjs';
import { manyHosts } from './site-of.mjs';

const { contender, origin, known, ca, store } = settings();
const instances = known ? manyHosts(known.count, known.port).map((host) => `http://${host}`) : [origin];
const callbackURL = 'http://localhost:3000/auth/callback';

passport.serializeUser((user, done) => done(null, user.id));
passport.deserializeUser((id, done) => done(null, { id }));
passport.use('login', await (contender === 'plain' ? plainStrategy() : ourStrategy()));

const sessions = new session.MemoryStore();
const app = express();
app.use(session({ secret: 'benchmark', store: sessions, resave: false, saveUninitialized: false }));
app.use(passport.session());
app.get('/auth', passport.authenticate('login'));
app.get(['/auth/callback', '/auth/callback/:instance'], passport.authenticate('login'), (_req, res) =>
  res.redirect('/'),
);
// A failure is shown as one word, which the load counts as a failure.
app.use((error, _req, res, _next) => res.status(500).send(String(error.stack)));
// Many visitors connect at once.
const server = createServer(app).listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
server.keepAliveTimeout = 60_000;

answering({
  port: () => server.address().port,
  forgetSessions: () => sessions.clear(),
});

/** As in its documentation, with state and PKCE, the token in a header, and a request for the profile. */
async function plainStrategy() {
  const form = new URLSearchParams({ client_name: 'Plain', redirect_uris: callbackURL, scopes: 'profile' });
  const registered = await fetch(`${origin}/api/v1/apps`, { method: 'POST', body: form });
  const { client_id: clientID, client_secret: clientSecret } = await registered.json();
  const strategy = new OAuth2Strategy(
    {
      authorizationURL: `${origin}/oauth/authorize`,
      tokenURL: `${origin}/oauth/token`,
      ...{ clientID, clientSecret, callbackURL, scope: 'profile', state: true, pkce: true },
    },
    (_accessToken, _refreshToken, profile, done) => done(null, profile),
  );
  strategy._oauth2.useAuthorizationHeaderforGET(true);
  strategy.userProfile = function userProfile(accessToken, done) {
    this._oauth2.get(`${origin}/api/v1/accounts/verify_credentials`, accessToken, (error, body) => {
      if (error) return done(error);
      try {
        done(null, { provider: 'plain', ...JSON.parse(body) });
      } catch (thrown) {
        done(thrown);
      }
    });
  };
  return strategy;
}

async function ourStrategy() {
  const require = createRequire(import.meta.url);
  const { MastodonStrategy } = require('../dist/index.js');
  return new MastodonStrategy(
    {
      clientName: 'Benchmark',
      callbackURL,
      ...(store && { store: await sharedStore(store) }),
      developmentInstances: instances,
      // Every name of the benchmark leads to this machine.
      outbound: { ca, lookup: (_name, options, done) => lookup('127.0.0.1', options, done) },
    },
    async (_accessToken, _refreshToken, profile) => profile,
  );
}

async function sharedStore(url) {
  const require = createRequire(import.meta.url);
  const { redisStore } = require('../dist/stores/index.js');
  return redisStore(await createClient({ url }).connect());
}
