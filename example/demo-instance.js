// @ts-check
/**
 * A demonstration instance: as much of a Mastodon server as a login needs, with fictional accounts that anyone
 * may use. For one's own machine only; there is no password in it.
 */

const express = require('express');
const { accounts, avatar } = require('./demo-accounts.js');
const { oauthRoutes, SCOPES } = require('./demo-oauth.js');
const { iconFile } = require('./icons.js');
const pages = require('./demo-pages.js');

/**
 * @param {{ origin: string, store: import('passport-mastodon-oauth2/stores').EmbeddedStore }} options Apps, codes and tokens are kept in the store.
 * @returns {import('express').Express}
 */
function createDemoInstance({ origin, store }) {
  const { host } = new URL(origin);
  const app = express();
  app.disable('x-powered-by');
  app.use(express.urlencoded({ extended: false, limit: '16kb' }));
  app.use((_req, res, next) => {
    res.set({
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-store',
    });
    res.set('Content-Security-Policy', pages.contentSecurityPolicy());
    next();
  });

  app.use(oauthRoutes({ origin, store }));

  app.get('/.well-known/oauth-authorization-server', (_req, res) => {
    res.json({
      issuer: `${origin}/`,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      revocation_endpoint: `${origin}/oauth/revoke`,
      app_registration_endpoint: `${origin}/api/v1/apps`,
      scopes_supported: SCOPES,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    });
  });

  app.get('/.well-known/nodeinfo', (_req, res) => {
    const rel = 'http://nodeinfo.diaspora.software/ns/schema/2.0';
    res.json({ links: [{ rel, href: `${origin}/nodeinfo/2.0` }] });
  });

  app.get('/nodeinfo/2.0', (_req, res) => {
    res.json({
      version: '2.0',
      software: { name: 'demonstration', version: '1.0.0' },
      protocols: ['activitypub'],
      services: { inbound: [], outbound: [] },
      openRegistrations: false,
      usage: { users: { total: accounts.length } },
      metadata: {},
    });
  });

  app.get('/api/v1/instance', (_req, res) => {
    const description = 'A demonstration on your own machine, not a real server.';
    res.json({
      uri: host,
      title: 'Demonstration instance',
      description,
      version: '1.0.0',
      registrations: false,
    });
  });

  app.get('/.well-known/webfinger', (req, res) => {
    const account = accounts.find(({ username }) => req.query.resource === `acct:${username}@${host}`);
    if (!account) return void res.status(404).json({ error: 'Record not found' });
    res.type('application/jrd+json').json({
      subject: `acct:${account.username}@${host}`,
      links: [
        { rel: 'self', type: 'application/activity+json', href: `${origin}/users/${account.username}` },
        {
          rel: 'http://webfinger.net/rel/profile-page',
          type: 'text/html',
          href: `${origin}/@${account.username}`,
        },
      ],
    });
  });

  app.get('/api/v1/accounts/verify_credentials', async (req, res) => {
    const [scheme, bearer] = (req.get('authorization') ?? '').split(' ');
    /** @type {{ username?: string } | undefined} */
    const granted = scheme === 'Bearer' ? await store.get(`token:${bearer}`) : undefined;
    const account = accounts.find(({ username }) => username === granted?.username);
    if (!account) return void res.status(401).json({ error: 'The access token is invalid' });
    res.json({
      id: account.id,
      username: account.username,
      acct: account.username,
      display_name: account.displayName,
      uri: `${origin}/users/${account.username}`,
      url: `${origin}/@${account.username}`,
      avatar: `${origin}/avatars/${account.username}.svg`,
      note: account.note,
    });
  });

  app.get('/', (_req, res) => void res.send(pages.home({ origin, accounts })));
  app.get('/style.css', (_req, res) => res.sendFile('style.css', { root: __dirname }));
  app.get('/icon.svg', (_req, res) => void res.type('svg').send(iconFile('planet', '#6a3f8f')));
  app.get('/@:username', (req, res) => {
    const account = accounts.find(({ username }) => username === req.params.username);
    if (!account) return void res.status(404).send(pages.notFound(origin));
    res.send(pages.profile({ origin, account }));
  });
  app.get('/users/:username', (req, res) => res.redirect(`/@${encodeURIComponent(req.params.username)}`));
  app.get('/avatars/:file', (req, res) => {
    const account = accounts.find(({ username }) => `${username}.svg` === req.params.file);
    if (!account) return void res.sendStatus(404);
    res.type('svg').send(avatar(account));
  });
  app.use((_req, res) => void res.status(404).send(pages.notFound(origin)));

  return app;
}

module.exports = { createDemoInstance };
