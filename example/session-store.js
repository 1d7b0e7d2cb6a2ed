// @ts-check
/** Sessions of express-session in the same store as all other records, so that users stay logged in after a restart. */

const session = require('express-session');

const DAY_MS = 24 * 60 * 60_000;

class SessionStore extends session.Store {
  /** @param {import('passport-mastodon-oauth2/stores').EmbeddedStore} store */
  constructor(store) {
    super();
    this.store = store;
  }

  /** @param {string} id @param {(error: unknown, session?: session.SessionData | null) => void} done */
  get(id, done) {
    /** @type {Promise<session.SessionData | undefined>} */
    const found = this.store.get(`session:${id}`);
    found.then((data) => done(null, data ?? null), done);
  }

  /** @param {string} id @param {session.SessionData} data @param {(error?: unknown) => void} [done] */
  set(id, data, done) {
    const { expires } = data.cookie;
    const ttl = expires ? new Date(expires).getTime() - Date.now() : DAY_MS;
    this.store.set(`session:${id}`, data, Math.max(ttl, 1)).then(() => done?.(), done);
  }

  /** @param {string} id @param {(error?: unknown) => void} [done] */
  destroy(id, done) {
    this.store.delete(`session:${id}`).then(() => done?.(), done);
  }
}

/**
 * Saves the session before a redirect. A browser follows a redirect as soon as it has the headers of the response. The next
 * page might not find the failure in the session yet.
 * @param {import('express').Request} req
 * @param {import('express').Response} res
 * @param {import('express').NextFunction} next
 */
function saveBeforeRedirect(req, res, next) {
  const redirect = res.redirect;
  res.redirect = (/** @type {any[]} */ ...where) => {
    const go = () => redirect.apply(res, /** @type {any} */ (where));
    // An unused session has only the cookie's settings, and is not saved.
    if (!req.session || Object.keys(req.session).length < 2) return go();
    req.session.save((error) => (error ? next(error) : go()));
  };
  next();
}

module.exports = { saveBeforeRedirect, SessionStore };
