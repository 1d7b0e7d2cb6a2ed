/** "Log in with Mastodon" in Express 4: one page with the form, or with the user. */

const express = require('express');
const session = require('express-session');
const passport = require('passport');
const { MastodonStrategy } = require('passport-mastodon-oauth2');
const { buttonFolder, loginForm } = require('passport-mastodon-oauth2/button/form');

const { PORT = '3000', SESSION_SECRET = 'change me' } = process.env;
/** The address of the site, as visitors see it. */
const origin = process.env.ORIGIN ?? `http://localhost:${PORT}`;

const strategy = new MastodonStrategy(
  {
    clientName: 'An example with Express 4',
    callbackURL: `${origin}/auth/mastodon/callback`,
    // Servers without registration (Misskey) fetch this address, over https only.
    clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
    website: origin,
    // In production add a `store`, such as redisStore(client), which all processes share.
    developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
  },
  // A site with a database finds or creates its user by `profile.id` here. Handles can change hands.
  async (_accessToken, _refreshToken, profile) => ({ id: profile.id, handle: profile.handle }),
);
passport.use(strategy);
// With a database: `done(null, user.id)`, and the user by this id.
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const app = express();
// Behind a TLS proxy, also: app.set('trust proxy', 1);
app.use('/button', express.static(buttonFolder));
app.use(express.urlencoded({ extended: true }));
// Lax, not strict: the visitor returns by a link of another site. In production also a `store`.
const cookie = { sameSite: 'lax', secure: 'auto' };
app.use(session({ secret: SESSION_SECRET, resave: false, saveUninitialized: false, cookie }));
app.use(passport.session());

const failure = { failureRedirect: '/', failureMessage: true };

app.post('/auth/mastodon', (req, res, next) => {
  const state = { from: req.body?.from ?? '' };
  passport.authenticate('mastodon', { ...failure, state })(req, res, next);
});

app.get('/auth/mastodon/callback/:instance', passport.authenticate('mastodon', failure), (req, res) => {
  res.redirect(`/?from=${encodeURIComponent(req.authInfo.state.from)}`);
});

app.get('/auth/mastodon/client/:instance', strategy.clientMetadata);

app.get('/', (req, res) => {
  // The message of `failureMessage`, shown once.
  const message = req.session.messages?.at(-1);
  delete req.session.messages;
  res.send(page(req.user ? welcome(req.user, message) : form(message, req.query.from)));
});

app.get('/me', (req, res) => res.json({ user: req.user ?? null }));

app.post('/logout', (req, res, next) => {
  req.logout((error) => (error ? next(error) : res.redirect(303, '/')));
});

function page(content) {
  return `<!doctype html>
  <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta name="color-scheme" content="light dark">
    <title>An example with Express 4</title>
    <link rel="stylesheet" href="/button/mastodon-login.css">
    <script type="module" src="/button/mastodon-login.js"></script>
    ${content}
  </html>`;
}

/** `from` is the page to return to. It comes back as `state`. */
function form(message, from = '') {
  return loginForm({
    action: '/auth/mastodon',
    failure: message && { message },
    hidden: { from: String(from) },
  });
}

// Handles and messages contain no markup. A display name may contain markup: escape it.
function welcome(user, message = '') {
  return `<p role="alert">${message}</p>
   <p>You are logged in as @${user.handle}.</p>
   <form method="post" action="/logout"><button>Log out</button></form>`;
}

app.listen(PORT);
