// @ts-check
/** The OAuth part of the demonstration instance: apps, consent, codes and tokens, checked as strictly as may be. */

const { createHash, randomBytes, timingSafeEqual } = require('node:crypto');
const express = require('express');
const { accounts } = require('./demo-accounts.js');
const pages = require('./demo-pages.js');

/**
 * @typedef {import('passport-mastodon-oauth2/stores').EmbeddedStore} Store
 * @typedef {{ name: string, website: string | null, redirectUri: string, scopes: string[], secret: string }} App
 * @typedef {{ clientId: string, redirectUri: string, scope: string, challenge: string, username: string }} Code
 * @typedef {{ clientId: string, redirectUri: string, scope: string, state: string, challenge: string, app: App }} Question
 */

const SCOPES = ['profile', 'read', 'read:accounts'];
const CODE_TTL_MS = 10 * 60_000;
const TOKEN_TTL_MS = 24 * 60 * 60_000;

/**
 * @param {{ origin: string, store: Store }} options
 * @returns {import('express').Router}
 */
function oauthRoutes({ origin, store }) {
  const router = express.Router();

  router.post('/api/v1/apps', async (req, res) => {
    const { client_name, redirect_uris, scopes = 'read', website } = texts(req.body);
    const wanted = scopes.split(' ');
    if (
      !client_name ||
      !redirect_uris ||
      !URL.canParse(redirect_uris) ||
      !wanted.every((s) => SCOPES.includes(s))
    ) {
      return void res.status(422).json({ error: 'Validation failed' });
    }
    const clientId = token();
    /** @type {App} */
    const registered = {
      name: client_name.slice(0, 60),
      website: website || null,
      redirectUri: redirect_uris,
      scopes: wanted,
      secret: token(),
    };
    await store.set(`app:${clientId}`, registered);
    res.json({
      id: clientId,
      name: registered.name,
      website: registered.website,
      scopes: registered.scopes,
      redirect_uri: registered.redirectUri,
      redirect_uris: [registered.redirectUri],
      client_id: clientId,
      client_secret: registered.secret,
      client_secret_expires_at: 0,
    });
  });

  router.post('/oauth/token', async (req, res) => {
    const body = texts(req.body);
    const client = await authenticatedApp(body);
    if (!client) return void res.status(401).json({ error: 'invalid_client' });
    if (body.grant_type === 'client_credentials') {
      return void res.json(await issueToken({ scope: client.scopes.join(' ') }));
    }
    if (body.grant_type !== 'authorization_code') {
      return void res.status(400).json({ error: 'unsupported_grant_type' });
    }
    const key = `code:${body.code}`;
    /** @type {Code | undefined} */
    const code = await store.get(key);
    const isRight =
      code !== undefined &&
      code.clientId === body.client_id &&
      code.redirectUri === body.redirect_uri &&
      isSame(
        code.challenge,
        createHash('sha256')
          .update(body.code_verifier ?? '')
          .digest('base64url'),
      );
    // A code is used up by the first try, right or wrong.
    if (!(await store.delete(key)) || !isRight) return void res.status(400).json({ error: 'invalid_grant' });
    res.json(await issueToken({ scope: code.scope, username: code.username }));
  });

  router.post('/oauth/revoke', async (req, res) => {
    const body = texts(req.body);
    if (!(await authenticatedApp(body))) return void res.status(403).json({ error: 'unauthorized_client' });
    await store.delete(`token:${body.token}`);
    res.json({});
  });

  router.get('/oauth/authorize', async (req, res) => {
    const question = await readQuestion(texts(req.query));
    if (!question) return void res.status(400).send(pages.refusal(origin));
    res.set('Content-Security-Policy', pages.contentSecurityPolicy(new URL(question.redirectUri).origin));
    res.send(pages.consent({ ...question, origin, accounts }));
  });

  router.post('/oauth/authorize', async (req, res) => {
    const body = texts(req.body);
    const question = await readQuestion(body);
    if (!question) return void res.status(400).send(pages.refusal(origin));
    const { clientId, redirectUri, scope, challenge, state } = question;
    const back = new URL(redirectUri);
    const account = accounts.find(({ username }) => username === body.account);
    if (body.answer === 'allow' && account) {
      const code = token();
      /** @type {Code} */
      const granted = { clientId, redirectUri, scope, challenge, username: account.username };
      await store.set(`code:${code}`, granted, CODE_TTL_MS);
      back.searchParams.set('code', code);
    } else {
      back.searchParams.set('error', 'access_denied');
    }
    back.searchParams.set('state', state);
    back.searchParams.set('iss', `${origin}/`);
    // 303: the browser goes on with GET, and leaves the form behind.
    res.redirect(303, back.href);
  });

  return router;

  /** @param {Record<string, string | undefined>} body */
  async function authenticatedApp({ client_id, client_secret }) {
    /** @type {App | undefined} */
    const found = client_id && client_secret ? await store.get(`app:${client_id}`) : undefined;
    return found && isSame(found.secret, client_secret ?? '') ? found : undefined;
  }

  /** @param {{ scope: string, username?: string }} granted */
  async function issueToken(granted) {
    const accessToken = token();
    await store.set(`token:${accessToken}`, granted, TOKEN_TTL_MS);
    const created_at = Math.floor(Date.now() / 1000);
    return { access_token: accessToken, token_type: 'Bearer', scope: granted.scope, created_at };
  }

  /**
   * What a site asks for, where it is one that this instance knows and the redirect goes where it may.
   * @param {Record<string, string | undefined>} query
   * @returns {Promise<Question | undefined>}
   */
  async function readQuestion(query) {
    /** @type {App | undefined} */
    const found = query.client_id ? await store.get(`app:${query.client_id}`) : undefined;
    const { client_id = '', redirect_uri, scope = 'read', state = '', code_challenge: challenge } = query;
    if (!found || found.redirectUri !== redirect_uri || query.response_type !== 'code') return undefined;
    if (!challenge || query.code_challenge_method !== 'S256') return undefined;
    if (!scope.split(' ').every((s) => found.scopes.includes(s))) return undefined;
    return { clientId: client_id, redirectUri: redirect_uri, scope, state, challenge, app: found };
  }
}

/** Parameters sent once, as text; anything else counts as not sent. @param {unknown} fields */
function texts(fields) {
  const entries = Object.entries(/** @type {Record<string, unknown>} */ (fields ?? {}));
  return /** @type {Record<string, string | undefined>} */ (
    Object.fromEntries(entries.filter(([, value]) => typeof value === 'string'))
  );
}

function token() {
  return randomBytes(32).toString('base64url');
}

/** @param {string} a @param {string} b */
function isSame(a, b) {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

module.exports = { oauthRoutes, SCOPES };
