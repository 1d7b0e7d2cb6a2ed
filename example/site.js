// @ts-check
/** The example site: a log-in page, "Log in with Mastodon", and a page that shows who is logged in. */

const express = require('express');
const session = require('express-session');
const { Passport } = require('passport');
const { MastodonStrategy } = require('passport-mastodon-oauth2');
const { buttonFolder } = require('passport-mastodon-oauth2/button/form');
const { iconFile } = require('./icons.js');
const pages = require('./pages.js');
const { ownFormsOnly, securityHeaders } = require('./security.js');
const { saveBeforeRedirect, SessionStore } = require('./session-store.js');

const HOUR_MS = 60 * 60_000;

/**
 * The user in the session. `id` is the key for a table of users: handle, name and picture may
 * change, and another server may claim them.
 * @typedef {{ id: string, username: string, displayName: string, handle: string, handleVerified: boolean,
 *   profileUrl?: string | undefined, photo?: string | undefined, instance: { host: string, software?: string } }} User
 */

/**
 * @param {{ baseURL: URL, secret: string, store: import('passport-mastodon-oauth2/stores').EmbeddedStore, demoOrigin?: string | undefined }} options
 *   `baseURL` is the address under which visitors see the site
 * @returns {import('express').Express}
 */
function createSite({ baseURL, secret, store, demoOrigin }) {
  const isSecure = baseURL.protocol === 'https:';
  const demoHost = demoOrigin && new URL(demoOrigin).host;

  const passport = new Passport();
  const strategy = new MastodonStrategy(
    {
      clientName: pages.SITE_NAME,
      callbackURL: `${baseURL.origin}/auth/mastodon/callback`,
      website: baseURL.origin,
      store,
      // Misskey and its relatives fetch this address, so it has to be one that they can reach.
      clientMetadataURL: isSecure ? `${baseURL.origin}/auth/mastodon/client` : undefined,
      developmentInstances: demoOrigin ? [demoOrigin] : [],
    },
    // A site with a database would find or create its user by `profile.id` here.
    async (
      /** @type {string} */ _accessToken,
      /** @type {string | undefined} */ _refreshToken,
      /** @type {import('passport-mastodon-oauth2').MastodonProfile} */ profile,
    ) => userOf(profile),
  );
  passport.use(strategy);
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((/** @type {Express.User} */ user, done) => done(null, user));

  const app = express();
  app.disable('x-powered-by');
  if (isSecure) app.set('trust proxy', 1);
  app.use(securityHeaders({ baseURL, demoOrigin }));
  app.get('/style.css', (_req, res) => {
    res.set('Cache-Control', 'no-cache').sendFile('style.css', { root: __dirname });
  });
  app.use('/button', express.static(buttonFolder));
  app.get('/icon.svg', (_req, res) => void res.type('svg').send(iconFile('leaf', '#1f6b50')));
  app.use(toOneAddress(baseURL));
  app.get('/auth/mastodon/client/:instance', strategy.clientMetadata);
  app.use(ownFormsOnly({ baseURL }));
  app.use(
    session({
      name: isSecure ? '__Host-session' : 'session',
      secret,
      store: new SessionStore(store),
      resave: false,
      saveUninitialized: false,
      // Lax, not strict: the browser must send the cookie with the redirect from the instance.
      cookie: { httpOnly: true, sameSite: 'lax', secure: isSecure, maxAge: HOUR_MS },
    }),
  );
  app.use(saveBeforeRedirect);
  app.use(passport.session());
  app.use(express.urlencoded({ extended: false, limit: '4kb' }));

  app.get('/', (req, res) => {
    if (!req.user) return res.redirect('/login');
    res.send(pages.accountPage({ user: /** @type {User} */ (req.user) }));
  });

  app.get('/login', (req, res) => {
    if (req.user) return res.redirect('/');
    const { messages, typed } = /** @type {{ messages?: string[], typed?: string }} */ (req.session);
    // Shown once: the next visit to this page shows an empty form.
    if (messages) Object.assign(req.session, { messages: undefined, typed: undefined });
    res.send(pages.loginPage({ error: messages?.at(-1), typed: messages && typed, demoHost }));
  });

  const failure = { failureRedirect: '/login', failureMessage: true };

  app.post('/auth/mastodon', rememberTyped, passport.authenticate('mastodon', failure));

  app.get('/auth/mastodon/callback/:instance', passport.authenticate('mastodon', failure), (req, res) => {
    // Only the session of a logged-in user lasts longer.
    req.session.cookie.maxAge = 14 * 24 * HOUR_MS;
    res.redirect('/');
  });

  app.post('/logout', (req, res, next) => {
    req.session.destroy((error) => {
      if (error) return next(error);
      res.clearCookie(isSecure ? '__Host-session' : 'session', { secure: isSecure });
      res.redirect(303, '/login');
    });
  });

  app.use((_req, res) => {
    res
      .status(404)
      .send(pages.messagePage({ title: 'Page not found', text: 'There is nothing at this address.' }));
  });
  app.use(showError);
  return app;
}

/** @param {import('passport-mastodon-oauth2').MastodonProfile} profile @returns {User} */
function userOf(profile) {
  const { id, username, displayName, handle, handleVerified, profileUrl, instance } = profile;
  return {
    id,
    username,
    displayName: displayName || username,
    handle,
    handleVerified,
    profileUrl,
    photo: profile.photos?.[0]?.value,
    instance: { host: instance.host, ...(instance.software && { software: instance.software }) },
  };
}

/**
 * Keeps the typed text in the session, so that the visitor can correct it.
 * @param {import('express').Request} req
 * @param {import('express').Response} _res
 * @param {import('express').NextFunction} next
 */
function rememberTyped(req, _res, next) {
  const typed = req.body?.instance;
  if (typeof typed === 'string') Object.assign(req.session, { typed: typed.slice(0, 500) });
  next();
}

/**
 * Redirects to the host name of `baseURL`. Cookies belong to a host name: a login that begins at 127.0.0.1 cannot
 * finish at localhost.
 * @param {URL} baseURL
 * @returns {import('express').RequestHandler}
 */
function toOneAddress(baseURL) {
  const loopback = ['localhost', '127.0.0.1', '[::1]'];
  return (req, res, next) => {
    const isOther =
      req.hostname !== baseURL.hostname &&
      [req.hostname, baseURL.hostname].every((h) => loopback.includes(h));
    if (req.method !== 'GET' || !isOther) return next();
    res.redirect(baseURL.origin + req.originalUrl);
  };
}

/** @type {import('express').ErrorRequestHandler} */
function showError(error, _req, res, next) {
  if (res.headersSent) return next(error);
  const status = error.status >= 400 && error.status <= 599 ? error.status : 500;
  if (status >= 500) console.error(error);
  const [title, text] =
    status >= 500
      ? ['That was our fault', 'Something went wrong on our side. Please try again in a moment.']
      : ['That did not work', 'We could not make sense of this request. Please go back and try again.'];
  res.status(status).send(pages.messagePage({ title, text }));
}

module.exports = { createSite };
