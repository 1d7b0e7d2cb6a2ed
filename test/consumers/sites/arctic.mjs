/** Arctic, in an application that stores state and verifier itself. */

import {
  CodeChallengeMethod,
  decodeIdToken,
  generateCodeVerifier,
  generateState,
  OAuth2Client,
} from 'arctic';
import express from 'express';
import session from 'express-session';
import { clientId, clientSecret, issuer, listen, origin, secret } from './site.mjs';

const client = new OAuth2Client(clientId, clientSecret, `${origin}/callback`);

const app = express();
app.use(session({ secret, resave: false, saveUninitialized: false }));
app.get('/login', (req, res) => {
  const state = generateState();
  const verifier = generateCodeVerifier();
  req.session.login = { state, verifier };
  const scopes = ['openid', 'profile'];
  const { S256 } = CodeChallengeMethod;
  const url = client.createAuthorizationURLWithPKCE(`${issuer}/authorize`, state, S256, verifier, scopes);
  res.redirect(url.href);
});
app.get('/callback', async (req, res) => {
  const { state, verifier } = req.session.login;
  if (req.query.state !== state) return res.sendStatus(403);
  const tokens = await client.validateAuthorizationCode(`${issuer}/token`, req.query.code, verifier);
  req.session.user = decodeIdToken(tokens.idToken());
  res.redirect('/');
});
app.get('/me', (req, res) => res.json(req.session.user ?? null));
app.get('/', (_req, res) => void res.send('home'));
listen(app);
