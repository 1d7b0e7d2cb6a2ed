/** A testing instance with URL clients, like Misskey: sites test their `clientMetadataURL` with it. */

import { startInstance, type InstanceOptions, type TestInstance } from '../../lib/testing/index.js';
import { freePort } from '../support/free-port.js';
import { changed, leave, open, start, whoIsLoggedIn } from '../support/stage.js';
import { startSite, type Site } from '../support/site.js';
import { Visitor } from '../support/visitor.js';

const clientMetadataURL = 'https://site.example/auth/mastodon/client';
const public_ = 'https://site.example';

let instance: TestInstance | undefined;
let site: Site | undefined;
afterEach(async () => void (await Promise.all([instance?.close(), site?.close()])));

/** The site's port is known only when it runs, so the instance reads it from a variable then. */
async function aStage(options: InstanceOptions = {}, hasRoute = true) {
  const sites: Record<string, string> = {};
  const port = await freePort();
  sites[public_] = `http://localhost:${port}`;
  const started = await startInstance({ software: 'misskey', accounts: ['ada', 'grace'], sites, ...options });
  instance = started;
  site = await startSite({
    port,
    instances: [started],
    options: { clientName: 'Tom & "Jerry"', clientMetadataURL },
  });
  if (hasRoute) site.app.get('/auth/mastodon/client/:instance', site.strategy.clientMetadata);
  return { instance: started, site, visitor: new Visitor() };
}

it('logs a visitor in at a site whose document it fetches', async () => {
  const { instance, site, visitor } = await aStage();
  const callback = await instance.approve(await leave(visitor, site, instance.host), { as: 'grace' });
  await open(visitor, callback);
  expect(await whoIsLoggedIn(visitor, site)).toBe('grace');
  expect(site.verified).toMatchObject([
    {
      id: `${instance.origin}#2`,
      handle: `grace@${instance.host}`,
      handleVerified: true,
      actor: `${instance.origin}/users/grace`,
      profileUrl: `${instance.origin}/@grace`,
      photos: [{ value: `${instance.origin}/avatars/grace.svg` }],
      instance: { software: 'misskey' },
    },
  ]);
});

it('shows the name in the document, and accepts a denial', async () => {
  const { instance, site, visitor } = await aStage();
  const away = await leave(visitor, site, instance.host);
  expect((await visitor.get(away)).text).toContain('Tom &#38; &#34;Jerry&#34;');
  const page = await open(visitor, await instance.deny(away));
  expect(page.json()).toMatchObject({ code: 'access_denied' });
});

it('refuses a disabled account as Misskey does', async () => {
  const { instance, site, visitor } = await aStage({ accounts: [{ username: 'ada', disabled: true }] });
  const page = await open(visitor, await instance.approve(await leave(visitor, site, instance.host)));
  expect(page.json()).toMatchObject({ code: 'account_unusable' });
});

describe('reports mistakes of the site', () => {
  it('names the missing route of a document', async () => {
    const { instance, site, visitor } = await aStage({}, false);
    const away = await leave(visitor, site, instance.host);
    await expect(instance.approve(away)).rejects.toThrow(
      /there is no document at http:\/\/localhost:\d+\/auth/,
    );
  });

  it('reports that no address of the site is set', async () => {
    const { instance, site, visitor } = await aStage({ sites: {} });
    const away = await leave(visitor, site, instance.host);
    await expect(instance.approve(away)).rejects.toThrow(
      '"sites" does not say where https://site.example is',
    );
  });

  it('compares the redirect URI, and requires PKCE, the exact ID, the code and the verifier', async () => {
    const { instance, site, visitor } = await aStage();
    const away = new URL(await leave(visitor, site, instance.host));
    for (const changes of [
      { redirect_uri: `${site.callbackURL}/elsewhere.example` },
      { code_challenge: undefined },
      { code_challenge_method: 'plain' },
      { client_id: `${clientMetadataURL}/elsewhere.example` },
    ]) {
      await expect(instance.approve(changed(away, changes))).rejects.toThrow('page of its own');
    }
    const callback = new URL(await instance.approve(away));
    const code = callback.searchParams.get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: site.callbackURL,
      code_verifier: 'x',
    };
    expect((await visitor.post(`${instance.origin}/oauth/token`, form)).status).toBe(400);
    // The first attempt uses it up, right or wrong.
    expect((await open(visitor, callback)).json()).toMatchObject({ code: 'token_refused' });
  });

  it('is refused by a site without clientMetadataURL', async () => {
    const { instance } = await aStage();
    const other = await startSite({ instances: [instance] });
    const page = await start(new Visitor(), other, instance.host);
    expect(page.json()).toMatchObject({ code: 'instance_unsupported', reason: 'speaks_misskey' });
    await other.close();
  });
});

it.each(['http://example.com', 'http://10.0.0.1:80', 'http://localhost:3000/', 'file:///x', 'x'])(
  'fetches from this machine alone, and not from %s',
  async (origin) => {
    await expect(startInstance({ software: 'misskey', sites: { [public_]: origin } })).rejects.toThrow(
      /startInstance: sites must lead to origins on loopback/,
    );
  },
);

it.each(['/api/v1/instance', '/api/v1/apps', '/api/v1/accounts/verify_credentials', '/api/x'])(
  'has nothing of Mastodon’s API: %s',
  async (path) => {
    const { instance, visitor } = await aStage();
    const page = await visitor.get(instance.origin + path);
    expect([page.status, page.json()]).toMatchObject([404, { error: { code: 'UNKNOWN_API_ENDPOINT' } }]);
  },
);
