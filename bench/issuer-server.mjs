/** The issuer, or a plain oidc-provider that logs each visitor in at once, without a request to an instance. */

import { generateKeyPairSync } from 'node:crypto';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { answering, settings } from './processes.mjs';

const require = createRequire(import.meta.url);
const { contender, origin, client } = settings();
const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
server.keepAliveTimeout = 60_000;
await once(server, 'listening');
const { port } = server.address();
const issuerURL = `http://127.0.0.1:${port}`;
const hour = 60 * 60;
const { host } = new URL(origin);
/** The claims of every user at the plain oidc-provider. */
const account = {
  ...{ name: 'Alice', preferred_username: `alice@${host}`, nickname: 'alice', profile: `${origin}/@alice` },
  ...{ picture: `${origin}/avatars/alice.png`, mastodon_handle: `alice@${host}` },
  ...{ mastodon_handle_verified: true, mastodon_actor: `${origin}/users/alice` },
  ...{ mastodon_instance: origin, mastodon_software: 'mastodon' },
};

server.on('request', await (contender === 'bare' ? bareProvider() : issuer()));

answering({ port: () => port });

async function issuer() {
  const { createIssuer } = require('../dist/issuer/index.js');
  const { router } = await createIssuer({
    ...{ issuerURL, clientName: 'Benchmark', clients: [client], developmentInstances: [origin] },
    outbound: { lookup: (_name, options, done) => lookup('127.0.0.1', options, done) },
  });
  return router;
}

/** Its records in its own memory; the same lifetimes, keys and claims as the issuer. */
async function bareProvider() {
  // The same copy that the issuer loads.
  const { loadOIDCProvider } = require('../dist/issuer/oidc-provider.js');
  const { profileClaims } = require('../dist/issuer/claims.js');
  const { Provider } = await loadOIDCProvider();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const provider = new Provider(issuerURL, {
    clients: [client],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a key that signs cookies'] },
    routes: { authorization: '/authorize', token: '/token', userinfo: '/userinfo' },
    ttl: { AccessToken: hour, Grant: hour, IdToken: hour, Interaction: hour, Session: hour },
    claims: { openid: ['sub', ...profileClaims] },
    conformIdTokenClaims: false,
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ ...account, sub: accountId }) }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, { uid }) => `/login/${uid}` },
  });
  const answer = provider.callback();
  return (req, res) => (req.url.startsWith('/login/') ? logIn(provider, req, res) : answer(req, res));
}

async function logIn(provider, req, res) {
  const { params } = await provider.interactionDetails(req, res);
  const accountId = `${origin}#7112`;
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(req, res, result);
}
