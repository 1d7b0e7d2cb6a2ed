/** Auth.js for Express. */

import { ExpressAuth, getSession } from '@auth/express';
import express from 'express';
import { clientId, clientSecret, issuer, listen, secret } from './site.mjs';

const config = {
  secret,
  trustHost: true,
  providers: [{ id: 'mastodon', name: 'Mastodon', type: 'oidc', issuer, clientId, clientSecret }],
  callbacks: {
    jwt: ({ token, profile }) => (profile ? { ...token, who: profile } : token),
    session: ({ session, token }) => ({ ...session, who: token.who }),
  },
};
const app = express();
app.set('trust proxy', true);
app.use('/auth', ExpressAuth(config));
app.get('/me', async (req, res) => res.json((await getSession(req, config))?.who ?? null));
app.get('/', (_req, res) => void res.send('home'));
listen(app);
