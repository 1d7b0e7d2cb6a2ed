/**
 * A site and its own test, as its author would write it: compiled and run against the tarball, by Node's test
 * runner.
 */

import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import express from 'express';
import session from 'express-session';
import passport from 'passport';
import { MastodonStrategy } from 'passport-mastodon-oauth2';
import { startInstance, type TestInstance } from 'passport-mastodon-oauth2/testing';

const app = express();
const server = app.listen(0);
const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
let instance: TestInstance;

before(async () => {
  instance = await startInstance({ accounts: ['ada', 'grace'] });
  passport.use(
    new MastodonStrategy(
      {
        clientName: 'Example',
        callbackURL: `${origin}/auth/mastodon/callback`,
        developmentInstances: [instance.origin],
      },
      async (_accessToken, _refreshToken, profile) => ({ handle: profile.handle }),
    ),
  );
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user: Express.User, done) => done(null, user));
  app.use(session({ secret: 'a secret', resave: false, saveUninitialized: false }));
  app.use(passport.session());
  app.get('/auth/mastodon', passport.authenticate('mastodon'));
  app.get(
    '/auth/mastodon/callback/:instance',
    passport.authenticate('mastodon', { failureRedirect: '/sorry' }),
    (req, res) => void res.json(req.user),
  );
});

after(async () => {
  server.close();
  await instance.close();
});

/** Begins a login: the redirect, and the cookie. */
async function begin(): Promise<{ location: string; cookie: string }> {
  const answer = await fetch(`${origin}/auth/mastodon?instance=${instance.host}`, { redirect: 'manual' });
  const cookie = answer.headers.getSetCookie().map((line) => line.split(';')[0]);
  return { location: answer.headers.get('location') ?? '', cookie: cookie.join('; ') };
}

test('a visitor logs in', async () => {
  const { location, cookie } = await begin();
  const callback = await instance.approve(location, { as: 'grace' });
  const home = await fetch(callback, { headers: { cookie } });
  assert.deepEqual(await home.json(), { handle: `grace@${instance.host}` });
});

test('a visitor who denies sees a message', async () => {
  const { location, cookie } = await begin();
  const answer = await fetch(await instance.deny(location), { headers: { cookie }, redirect: 'manual' });
  assert.equal(answer.headers.get('location'), '/sorry');
});
