/** The attacker sends one request, and has the store asked hundreds of times. */

import { BrowserCookies } from '../../lib/bridge/cookies';
import { randomToken } from '../../lib/login/state';
import { MemoryStore } from '../../lib/memory-store';
import { createLogin } from '../../lib/web';
import { anInstance } from '../support/stage';

class CountingStore {
  calls = 0;
  private readonly memory = new MemoryStore();
  async get(key: string): Promise<unknown> {
    this.calls++;
    return this.memory.get(key);
  }
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    this.calls++;
    return this.memory.set(key, value, ttl);
  }
  async delete(key: string): Promise<boolean> {
    this.calls++;
    return this.memory.delete(key);
  }
}

/** As much as Node takes in one head. */
const headerBytes = 15_000;

it('by a cookie of the web door that is full of former keys', async () => {
  const instance = await anInstance();
  const store = new CountingStore();
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

it('by hundreds of cookies of the bridge', () => {
  const cookies = new BrowserCookies('http://localhost:1');
  const written: string[] = [];
  const res = { appendHeader: (_name: string, value: string) => written.push(value.split(';')[0] ?? '') };
  for (let i = 0; i < 150; i++) {
    cookies.give({ headers: {} } as never, res as never, randomToken());
  }
  const cookie = written.join('; ');
  expect(cookie.length).toBeGreaterThan(headerBytes);
  expect(cookies.read({ headers: { cookie } }).size).toBe(10);
});
