/** The records of logins in a store: their size, their time to live, and the number of operations. */

import type { KeyValueStore } from '../../lib/options.js';
import { anInstance, aSite, aStage, leave } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

it('a store may change the objects that it receives', async () => {
  const values = new Map<string, unknown>();
  const store = {
    get: (key: string) => values.get(key),
    set: (key: string, value: Record<string, unknown>) => {
      value.expires = 1;
      if (value.login) (value.login as Record<string, unknown>).note = 1;
      values.set(key, value);
    },
    delete: (key: string) => values.delete(key),
  } as KeyValueStore;
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  expect((await visitor.login(site, instance.host)).status).toBe(200);
});

it('a start reads the store once to learn whether the browser has begun a login before', async () => {
  const values = new Map<string, unknown>();
  const asked: string[] = [];
  const store = {
    get: (key: string) => {
      asked.push(key);
      return values.get(key);
    },
    set: (key: string, value: unknown) => void values.set(key, value),
    delete: (key: string) => values.delete(key),
  };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  const hintsAskedFor = () => asked.splice(0).filter((key) => key.includes(':unfinished:')).length;
  await leave(visitor, site, instance.host);
  expect(hintsAskedFor()).toBe(1);
  await leave(visitor, site, instance.host);
  expect(hintsAskedFor()).toBe(1);
});

it('every record of a pending login has a time to live', async () => {
  const written: [string, number | undefined][] = [];
  const values = new Map<string, unknown>();
  const store = {
    get: (key: string) => values.get(key),
    set: (key: string, value: unknown, ttl?: number) => {
      written.push([key, ttl]);
      values.set(key, value);
    },
    delete: (key: string) => values.delete(key),
  };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { store } });
  await visitor.login(site, instance.host);
  await leave(visitor, site, `@alice@${instance.host}`);
  expect(written.filter(([, ttl]) => ttl === undefined)).toEqual([]);
  // Of the registration, and of the finished login.
  const ofClient = written.filter(([key]) => /:(client|credentials):/.test(key)).map(([, ttl = 0]) => ttl);
  expect(ofClient).toHaveLength(4);
  for (const ttl of ofClient.slice(0, 2)) expect(ttl).toBeLessThanOrEqual(75 * 60 * 1000);
  for (const ttl of ofClient.slice(2)) expect(ttl).toBeGreaterThan(30 * 24 * 3600 * 1000);
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
