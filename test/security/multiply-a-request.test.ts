/** The attacker sends one request that causes hundreds of store operations. */

import { randomToken } from '../../lib/login/browser';
import { MastodonLogin } from '../../lib/login/login';
import { createLogin } from '../../lib/web';
import { closeAll, startBridge } from '../bridge/stage';
import { BadStore } from '../support/bad-store';
import { anInstance, leastOptions } from '../support/stage';

/** The maximum size of a request's headers in Node.js. */
const headerBytes = 15_000;

it('by a cookie of the web adapter that is full of former keys', async () => {
  const instance = await anInstance();
  const store = new BadStore();
  const callbackURL = 'http://localhost:1/callback';
  const login = createLogin({
    clientName: 'A site',
    callbackURL,
    developmentInstances: [instance.origin],
    store,
  });
  const callsWith = async (cookie: string) => {
    const before = store.calls;
    const request = new Request('http://localhost:1/', { headers: { cookie } });
    await login.begin(request, { instance: instance.host });
    const denied = `${callbackURL}/${instance.host}?error=access_denied`;
    await expect(login.finish(new Request(denied, { headers: { cookie } }))).rejects.toMatchObject({
      code: 'access_denied',
    });
    return store.calls - before;
  };
  await callsWith(`mastodon-login=${randomToken()}`);
  const usual = await callsWith(`mastodon-login=${randomToken()}`);
  let cookie = `mastodon-login=${randomToken()}`;
  while (cookie.length < headerBytes) cookie += `~${randomToken()}.${Date.now() + 500_000}`;
  expect(await callsWith(cookie)).toBeLessThan(usual + 10);
});

it('by hundreds of keys, which a site passes on from a cookie with JSON', async () => {
  const instance = await anInstance();
  const store = new BadStore();
  const login = new MastodonLogin({ ...leastOptions, developmentInstances: [instance.origin], store });
  const callsWith = async (keys: string[]) => {
    const before = store.calls;
    await login.begin(instance.host, keys);
    const denied = `/callback/${instance.host}?error=access_denied`;
    await expect(login.finish(denied, keys)).rejects.toMatchObject({ code: 'access_denied' });
    return store.calls - before;
  };
  const keys = (count: number) => Array.from({ length: count }, randomToken);
  await callsWith(keys(1));
  expect(await callsWith(keys(300))).toBeLessThan((await callsWith(keys(1))) + 20);
});

it('by hundreds of cookies of the bridge', async () => {
  const instance = await anInstance();
  const store = new BadStore();
  const { bridge, connect, origin } = await startBridge([instance], { store });
  const { url } = await (await connect()).request(instance.host);
  const name = (await fetch(url)).headers.get('set-cookie')?.split('=')[0] ?? '';
  const callsWith = async (cookies: number) => {
    const before = store.calls;
    const denied = `${origin}/callback/${instance.host}/done?error=access_denied`;
    const cookie = Array.from({ length: cookies }, () => `${name}=${randomToken()}`).join('; ');
    await fetch(denied, { headers: { cookie } });
    return store.calls - before;
  };
  const usual = await callsWith(1);
  expect(usual).toBeGreaterThan(0);
  expect(await callsWith(150)).toBe(usual);
  await bridge.close();
  await closeAll();
});
