/** Grant, as Express middleware. */

import express from 'express';
import session from 'express-session';
import grant from 'grant';
import { clientId, clientSecret, issuer, listen, origin, secret } from './site.mjs';

const app = express();
app.use(session({ secret, resave: false, saveUninitialized: false }));
app.use(
  grant.express({
    defaults: { origin, transport: 'session', state: true, nonce: true, pkce: true },
    mastodon: {
      oauth: 2,
      authorize_url: `${issuer}/authorize`,
      access_url: `${issuer}/token`,
      profile_url: `${issuer}/userinfo`,
      key: clientId,
      secret: clientSecret,
      scope: 'openid profile',
      response: ['tokens', 'profile'],
      callback: '/done',
    },
  }),
);
app.get('/done', (req, res) => {
  req.session.user = req.session.grant.response.profile;
  res.redirect('/');
});
app.get('/me', (req, res) => res.json(req.session.user ?? null));
app.get('/', (_req, res) => void res.send('home'));
listen(app);
