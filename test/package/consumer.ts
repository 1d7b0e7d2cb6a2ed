/** A site in TypeScript. Compiled as CommonJS and as a module against the types in the tarball; never run. */

import express from 'express';
import session from 'express-session';
import passport from 'passport';
import {
  AuthorizationError,
  ErrorCode,
  InternalOAuthError,
  MastodonError,
  MastodonStrategy,
  Strategy,
  TokenError,
  type MastodonAuthenticateOptions,
  type MastodonErrorCode,
  type MastodonProfile,
  type MastodonStrategyOptions,
  type TokenParams,
  type VerifyDone,
  type VerifyFunctionWithRequestAndParams,
} from 'passport-mastodon-oauth2';

interface User {
  id: string;
  name: string;
}

const users = {
  findOrCreate: (profile: MastodonProfile): Promise<User> =>
    Promise.resolve({ id: profile.id, name: profile.displayName }),
};

const options = {
  clientName: 'Example',
  callbackURL: 'https://example.com/auth/mastodon/callback',
  store: new Map<string, unknown>(),
  log: (event) => (event.event === 'refused' ? event.code : event.event),
  allowInstance: (host) => host !== 'bad.example',
  outbound: { timeoutMs: 5000, maxResponseBytes: undefined, lookup: undefined, ca: undefined },
} satisfies MastodonStrategyOptions;

// An async function, with and without the request.
passport.use(
  new MastodonStrategy(options, (_accessToken, _refreshToken, profile) => users.findOrCreate(profile)),
);
passport.use(
  new MastodonStrategy(
    { ...options, passReqToCallback: true },
    async (req, _accessToken, _refreshToken, profile) =>
      req.headers.host === 'example.com' ? users.findOrCreate(profile) : undefined,
  ),
);
passport.use(new MastodonStrategy(options, async () => false));

// The callback form, with and without the request.
passport.use(
  new Strategy(options, (_accessToken, _refreshToken, profile, done) => {
    users.findOrCreate(profile).then((user) => done(null, user, { isNew: true }), done);
  }),
);
passport.use(
  new Strategy({ ...options, passReqToCallback: true }, (req, _accessToken, _refreshToken, profile, done) => {
    done(null, req.ip === profile.id ? { id: profile.id } : false);
  }),
);
// The callback form with the token endpoint's parameters: they need type annotations, because TypeScript does not
// choose among signatures by the number of parameters.
passport.use(
  new MastodonStrategy(
    options,
    (
      _accessToken: string,
      _refreshToken: string | undefined,
      params: TokenParams,
      profile: MastodonProfile,
      done: VerifyDone,
    ) => done(null, { id: profile.id, scope: params['scope'] }),
  ),
);
const verifyWithParams: VerifyFunctionWithRequestAndParams = (
  _req,
  _access,
  _refresh,
  _params,
  profile,
  done,
) => done(null, { id: profile.id });
passport.use(new MastodonStrategy({ ...options, passReqToCallback: true }, verifyWithParams));

// @ts-expect-error: the name of the application is required.
new MastodonStrategy({ callbackURL: 'https://example.com/callback' }, async () => undefined);

export const app = express();
app.use(session({ secret: 'a secret', resave: false, saveUninitialized: false }));
app.use(express.urlencoded({ extended: false }));
app.post('/auth/mastodon', passport.authenticate('mastodon'));
app.get(
  '/auth/mastodon/german',
  passport.authenticate('mastodon', { forceLogin: true, lang: 'de', state: { a: 1 } }),
);
app.get(
  '/auth/mastodon/callback/:instance',
  passport.authenticate('mastodon', { failureRedirect: '/login', failureMessage: true }),
  (_req, res) => res.redirect('/'),
);
// Under another name, the options are known where the strategy itself is passed.
const fedi = new MastodonStrategy(options, async (_accessToken, _refreshToken, profile) => profile);
passport.use('fedi', fedi);
app.get('/fedi', passport.authenticate(fedi, { instance: 'mastodon.social', state: [1, 2], session: false }));
app.get('/staff', passport.authenticate('mastodon-staff', { instance: 'mastodon.social', state: 7 }));
app.get('/posts', passport.authenticate('mastodon', { scope: ['read', 'write:statuses'] }));
// The options of other strategies are Passport's own.
// @ts-expect-error: not an option of other strategies.
app.get('/google', passport.authenticate('google', { instance: 'mastodon.social' }));
// @ts-expect-error: nor in an object of its own.
app.get('/google/state', passport.authenticate('google', { state: { a: 1 } }));
app.get('/account', passport.authorize('mastodon', { forceLogin: true, lang: 'de', state: { a: 1 } }));
app.get('/mine', (req, res, next) => {
  passport.authenticate('mastodon', { state: 7 }, (error: unknown, user?: Express.User | false | null) => {
    if (error || !user) next(error);
    else req.logIn(user, next);
  })(req, res, next);
});
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user: Express.User, done) => done(null, user));
app.get('/state', (req, res) => {
  const state = req.authInfo?.state;
  res.json({ state, user: req.user, returnTo: (req.authInfo as { state: { from: string } }).state.from });
});
// @ts-expect-error: a flag, not a text.
app.get('/wrong', passport.authenticate('mastodon', { forceLogin: 'yes' }));

export const authenticateOptions: MastodonAuthenticateOptions = { instance: 'mastodon.social' };

export function describe(error: unknown): MastodonErrorCode | 'oauth' | 'unknown' {
  if (error instanceof MastodonError)
    return error.code === ErrorCode.login_expired ? 'login_expired' : error.code;
  const isOAuth = [AuthorizationError, TokenError, InternalOAuthError].some(
    (known) => error instanceof known,
  );
  return isOAuth ? 'oauth' : 'unknown';
}
