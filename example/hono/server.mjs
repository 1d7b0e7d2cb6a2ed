/**
 * "Log in with Mastodon" in Hono: `node server.mjs`, then http://localhost:3000/. Who is logged in stands in a signed
 * cookie, so there is no session and nothing to keep.
 */

import { randomBytes } from 'node:crypto';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { html } from 'hono/html';
import { createLogin, MastodonError } from 'passport-mastodon-oauth2/web';

const port = Number(process.env.PORT ?? 3000);
/** Where browsers reach the site. */
const origin = process.env.ORIGIN ?? `http://localhost:${port}`;
/** Whoever has it can be anybody here. Without the variable, a restart logs everybody out. */
const secret = process.env.COOKIE_SECRET ?? randomBytes(32).toString('hex');

const login = createLogin({
  clientName: 'An example with Hono',
  callbackURL: `${origin}/auth/mastodon/callback`,
  website: origin,
  // For a try without the network: instances on this machine.
  developmentInstances: process.env.DEVELOPMENT_INSTANCES?.split(' ') ?? [],
});

const userCookie = { path: '/', httpOnly: true, sameSite: 'Lax', secure: origin.startsWith('https:') };

const page = (content) =>
  html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <title>An example with Hono</title>
      ${content}
    </html>`;

const form = (failure = '') =>
  page(
    html`<form method="post" action="/auth/mastodon">
      <p role="alert">${failure}</p>
      <label>Where is your account? <input name="instance" placeholder="mastodon.social" required /></label>
      <button>Log in with Mastodon</button>
    </form>`,
  );

const welcome = (user) =>
  page(
    html`<p>You are logged in as @${user.handle}.</p>
      <form method="post" action="/logout"><button>Log out</button></form>`,
  );

const app = new Hono();

app.post('/auth/mastodon', async (c) => {
  const { instance, from } = await c.req.parseBody();
  return login.begin(c.req.raw, { instance, state: { from: from ?? '' } });
});

app.get('/auth/mastodon/callback/:instance', async (c) => {
  const { profile, state, headers } = await login.finish(c.req.raw);
  const user = { id: profile.id, handle: profile.handle };
  await setSignedCookie(c, 'user', JSON.stringify(user), secret, userCookie);
  // The login's own cookie goes along with the site's.
  headers.forEach((value, name) => c.header(name, value, { append: true }));
  return c.redirect(`/me?from=${encodeURIComponent(state.from)}`);
});

app.get('/', async (c) => {
  const user = await userOf(c);
  return c.html(user ? welcome(user) : form());
});

app.get('/me', async (c) => c.json({ user: await userOf(c) }));

app.post('/logout', (c) => {
  deleteCookie(c, 'user', userCookie);
  return c.redirect('/', 303);
});

app.onError((error, c) => {
  if (!(error instanceof MastodonError)) throw error;
  // The message is made for the person who logs in; the cause is for whoever runs the site.
  if (error.code === 'store_failed') console.error(error);
  return c.html(form(error.message), error.status);
});

async function userOf(c) {
  const user = await getSignedCookie(c, secret, 'user');
  return user ? JSON.parse(user) : null;
}

serve({ fetch: app.fetch, port, hostname: 'localhost' });
