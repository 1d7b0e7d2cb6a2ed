/** @hono/oidc-auth, which keeps the user logged in with refresh tokens. */

import { getRequestListener } from '@hono/node-server';
import { getAuth, initOidcAuthMiddleware, oidcAuthMiddleware, processOAuthCallback } from '@hono/oidc-auth';
import { Hono } from 'hono';
import { clientId, clientSecret, issuer, listen, origin, secret } from './site.mjs';

const app = new Hono();
app.use(
  initOidcAuthMiddleware({
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: clientId,
    OIDC_CLIENT_SECRET: clientSecret,
    OIDC_REDIRECT_URI: `${origin}/callback`,
    OIDC_SCOPES: 'openid profile offline_access',
    OIDC_AUTH_SECRET: secret,
  }),
);
app.use((c, next) => {
  c.set('oidcClaimsHook', async (_auth, claims) => ({ sub: claims?.sub, name: claims?.name }));
  return next();
});
app.get('/callback', (c) => processOAuthCallback(c));
app.use(oidcAuthMiddleware());
app.get('/me', async (c) => c.json(await getAuth(c)));
app.get('/*', (c) => c.text('home'));
listen(getRequestListener(app.fetch));
