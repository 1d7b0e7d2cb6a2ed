/** Auth0's own library, set up like in a site that uses Auth0. */

import express from 'express';
import oidc from 'express-openid-connect';
import { clientId, clientSecret, issuer, listen, origin, secret } from './site.mjs';

const app = express();
app.use(
  oidc.auth({
    issuerBaseURL: issuer,
    baseURL: origin,
    clientID: clientId,
    clientSecret,
    secret,
    authRequired: false,
    // Its default is the implicit flow.
    authorizationParams: { response_type: 'code', scope: 'openid profile' },
  }),
);
app.get('/me', (req, res) => res.json(req.oidc.user ?? null));
listen(app);
