/** Better Auth with its plugin for any OAuth provider. It requires an e-mail address. */

import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { genericOAuth } from 'better-auth/plugins';
import { clientId, clientSecret, issuer, listen, origin, secret } from './site.mjs';

const database = { user: [], session: [], account: [], verification: [] };
const auth = betterAuth({
  baseURL: origin,
  secret: secret.padEnd(40, '.'),
  database: memoryAdapter(database),
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: 'error' },
  plugins: [
    genericOAuth({
      config: [
        {
          providerId: 'mastodon',
          discoveryUrl: `${issuer}/.well-known/openid-configuration`,
          clientId,
          clientSecret,
          scopes: ['openid', 'profile', 'email'],
          pkce: true,
          mapProfileToUser: ({ name, picture }) => ({ name, image: picture }),
        },
      ],
    }),
  ],
});
const handler = toNodeHandler(auth);

listen(async (req, res) => {
  if (req.url === '/login') {
    const answer = await auth.api.signInSocial({
      body: { provider: 'mastodon', callbackURL: '/' },
      headers: new Headers(),
      asResponse: true,
    });
    const { url } = await answer.json();
    for (const cookie of answer.headers.getSetCookie()) res.appendHeader('Set-Cookie', cookie);
    res.writeHead(303, { Location: url }).end();
  } else if (req.url === '/me') {
    const headers = new Headers({ cookie: req.headers.cookie ?? '' });
    const found = await auth.api.getSession({ headers });
    const account = database.account.find(({ userId }) => userId === found?.user.id);
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify(found && { ...found.user, sub: account?.accountId }));
  } else if (req.url === '/') {
    res.end('home');
  } else {
    await handler(req, res);
  }
});
