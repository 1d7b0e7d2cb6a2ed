/** A whole login, with an instance of the testing kit: `npm test`. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startInstance } from 'passport-mastodon-oauth2/testing';
import { createSite } from '../src/site.js';

const cookiesOf = ({ headers }: Response) =>
  headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');

test('ada logs in', async (t) => {
  const instance = await startInstance({ accounts: ['ada'] });
  t.after(() => instance.close());
  process.env['DEVELOPMENT_INSTANCES'] = instance.origin; // before the strategy is made
  const site = await createSite();
  await site.listen(0, 'localhost');
  t.after(() => site.close());
  const url = await site.getUrl();

  const body = new URLSearchParams({ instance: instance.host });
  const begun = await fetch(`${url}/auth/mastodon`, { method: 'POST', body, redirect: 'manual' });
  const callback = await instance.approve(begun.headers.get('location') ?? '', { as: 'ada' });

  // The callback has the origin of `callbackURL`; the test site has another port.
  const { pathname, search } = new URL(callback);
  const headers = { cookie: cookiesOf(begun) };
  const finished = await fetch(url + pathname + search, { headers, redirect: 'manual' });

  const me = await fetch(`${url}/me`, { headers: { cookie: cookiesOf(finished) } });
  const { user } = (await me.json()) as { user: { handle: string } | null };
  assert.equal(user?.handle, `ada@${instance.host}`);
});
