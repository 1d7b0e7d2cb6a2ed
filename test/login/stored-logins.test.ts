/** The records of logins in a store: their size, their time to live, and the number of operations. */

import { anInstance, aSite, aStage, JSONStore, leave } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

it('a store may change the objects that it receives', async () => {
  const store = new JSONStore();
  const set = store.set.bind(store);
  store.set = async (key: string, value: unknown) => {
    const record = value as Record<string, unknown>;
    record.expires = 1;
    if (record.login) (record.login as Record<string, unknown>).note = 1;
    return set(key, record);
  };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  expect((await visitor.login(site, instance.host)).status).toBe(200);
});

it('a start reads the store once to learn whether the browser has begun a login before', async () => {
  const store = new JSONStore();
  const get = jest.spyOn(store, 'get');
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  const hints = () => get.mock.calls.filter(([key]) => key.includes(':unfinished:')).length;
  await leave(visitor, site, instance.host);
  expect(hints()).toBe(1);
  await leave(visitor, site, instance.host);
  expect(hints()).toBe(2);
});

it('a pending login takes less than two kilobytes, and no record much, at a server with large metadata', async () => {
  const values = new Map<string, unknown>();
  const instance = await anInstance();
  const scopes = Array.from({ length: 1000 }, (_, n) => `a:scope:with:a:long:name:that:no:app:needs:${n}`);
  instance.answerWith('/.well-known/oauth-authorization-server', 200, {
    issuer: instance.origin,
    authorization_endpoint: `${instance.origin}/oauth/authorize`,
    token_endpoint: `${instance.origin}/oauth/token`,
    app_registration_endpoint: `${instance.origin}/api/v1/apps`,
    scopes_supported: ['profile', 'read', ...scopes],
  });
  const site = await aSite({ instances: [instance], options: { store: values } });
  await leave(new Visitor(), site, instance.host);
  const logins = [...values].filter(([key]) => key.includes(':login:'));
  expect(logins).toHaveLength(1);
  expect(JSON.stringify(logins).length).toBeLessThan(2000);
  for (const record of values.values()) expect(JSON.stringify(record).length).toBeLessThan(20_000);
});
