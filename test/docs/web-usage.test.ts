/** The site in docs/web.md, run unchanged, with an instance of the testing kit. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startInstance, type TestInstance } from '../../lib/testing';
import { exportsOf } from './run-block';

interface Site {
  fetch(request: Request): Promise<Response> | Response;
}

const origin = 'http://localhost:3000';

/** Runs the first block of TypeScript on the page. It may log in at the instance. */
function siteOfPage(instance: TestInstance): Site {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'web.md'), 'utf8');
  const code = /```ts\n(.*?)```/s.exec(page)?.[1] ?? '';
  const replaced = code.replace("clientName: 'Example',", `$& developmentInstances: ['${instance.origin}'],`);
  const process = { env: { COOKIE_SECRET: 'a secret of this test' } };
  const { default: site } = exportsOf<{ default: Site }>(replaced, { process });
  if (!site) throw new Error('docs/web.md exports no site');
  return site;
}

let instance: TestInstance;
let site: Site;
beforeAll(async () => {
  instance = await startInstance({ accounts: [{ username: 'ada', id: '7' }] });
  site = siteOfPage(instance);
});
afterAll(() => instance.close());

const cookiesOf = ({ headers }: Response) =>
  headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');

const begin = (typed: string) => {
  const body = new URLSearchParams({ instance: typed });
  return site.fetch(new Request(`${origin}/auth/mastodon`, { method: 'POST', body }));
};

it('logs a visitor in, and recognises the user afterwards', async () => {
  const begun = await begin(instance.host);
  const callback = await instance.approve(begun.headers.get('location') ?? '', { as: 'ada' });
  const finished = await site.fetch(new Request(callback, { headers: { cookie: cookiesOf(begun) } }));
  expect([finished.status, finished.headers.get('location')]).toEqual([302, '/']);
  const home = await site.fetch(new Request(origin, { headers: { cookie: cookiesOf(finished) } }));
  expect(await home.text()).toBe(`Hello ${instance.origin}#7`);
});

it('shows a failure beside the form', async () => {
  const begun = await begin('ada@gmail.com');
  const page = await site.fetch(new Request(new URL(begun.headers.get('location') ?? '', origin)));
  expect(await page.text()).toContain('That is an e-mail address.');
  const forged = await site.fetch(
    new Request(`${origin}/auth/mastodon/callback/a.example/done?code=x&state=y`),
  );
  expect(forged.headers.get('location')).toBe('/login?error=login_expired');
});
