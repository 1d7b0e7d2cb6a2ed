/**
 * "Log in with Mastodon" in Hono: one page with the form, or with the user. The user is kept in a
 * signed cookie, so the server needs no sessions. A logout ends the login in this browser only.
 */

import { serve } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { html, raw } from 'hono/html';
import { buttonFolder, loginForm, messageFor } from 'passport-mastodon-oauth2/button/form';
import { createLogin, failureRedirect } from 'passport-mastodon-oauth2/web';

/** Programs that know the secret can log in as any user. */
const { PORT = '3000', COOKIE_SECRET = 'change me' } = process.env;
/** The address of the site, as visitors see it. */
const origin = process.env.ORIGIN ?? `http://localhost:${PORT}`;

const login = createLogin({
  clientName: 'An example with Hono',
  callbackURL: `${origin}/auth/mastodon/callback`,
  // Servers without registration (Misskey) fetch this address, over https only.
  clientMetadataURL: origin.startsWith('https:') ? `${origin}/auth/mastodon/client` : undefined,
  website: origin,
  // In production add a `store`, such as redisStore(client), which all processes share.
  developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
});

const userCookie = { path: '/', httpOnly: true, sameSite: 'Lax', secure: origin.startsWith('https:') };

const app = new Hono();

app.use('/button/*', serveStatic({ root: buttonFolder, rewriteRequestPath: (path) => path.slice(7) }));

app.post('/auth/mastodon', async (c) => {
  const { instance, from = '' } = await c.req.parseBody();
  return login.begin(c.req.raw, { instance, state: { from } });
});

app.get('/auth/mastodon/callback/:instance', async (c) => {
  const { profile, state } = await login.finish(c.req.raw);
  // A site with a database finds or creates its user by `profile.id` here. Handles can change hands.
  const user = { id: profile.id, handle: profile.handle };
  await setSignedCookie(c, 'user', JSON.stringify(user), COOKIE_SECRET, userCookie);
  return c.redirect(`/?from=${encodeURIComponent(state.from)}`);
});

app.get('/auth/mastodon/client/:instance', (c) => login.clientMetadata(c.req.raw));

app.get('/', async (c) => {
  const user = await userOf(c);
  const { error: code, instance, reason, from } = c.req.query();
  return c.html(
    user ? welcome(user, messageFor(code, { instance, reason })) : form({ code, instance, reason }, from),
  );
});

app.get('/me', async (c) => c.json({ user: await userOf(c) }));

app.post('/logout', (c) => {
  deleteCookie(c, 'user', userCookie);
  return c.redirect('/', 303);
});

// A failure redirects to the page, as /?error=CODE&instance=HOST.
app.onError((error) => failureRedirect(error, '/'));

async function userOf(c) {
  const user = await getSignedCookie(c, COOKIE_SECRET, 'user');
  return user ? JSON.parse(user) : null;
}

function page(content) {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <meta name="color-scheme" content="light dark" />
      <title>An example with Hono</title>
      <link rel="stylesheet" href="/button/mastodon-login.css" />
      <script type="module" src="/button/mastodon-login.js"></script>
      ${content}
    </html>`;
}

/** `from` is the page to return to. It comes back as `state`. */
function form(failure, from = '') {
  return page(raw(loginForm({ action: '/auth/mastodon', failure, hidden: { from } })));
}

function welcome(user, failure = '') {
  return page(
    html`<p role="alert">${failure}</p>
      <p>You are logged in as @${user.handle}.</p>
      <form method="post" action="/logout"><button>Log out</button></form>`,
  );
}

serve({ fetch: app.fetch, port: Number(PORT) });
