/** The events of a login in the site's log, and the values that they omit. */

import express from 'express';
import { createServer } from 'node:http';
import { Passport } from 'passport';
import type { LoginEvent } from '../../lib/index.js';
import { listenLocally } from '../support/free-port.js';
import { aSite, aStage, anInstance, comeBack, leave, open, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

function aLog() {
  const lines: LoginEvent[] = [];
  const log = (event: LoginEvent) => void lines.push(event);
  return { lines, log };
}

it('a login is logged from its registration to its end, with every request', async () => {
  const { lines, log } = aLog();
  const { instance, site, visitor } = await aStage('mastodon45', { options: { log } });
  await visitor.login(site, instance.host);
  const at = { instance: instance.host };
  const started = { ...at, software: 'mastodon' };
  expect(lines.filter(({ event }) => event !== 'request')).toStrictEqual([
    { event: 'registered', ...at },
    { event: 'begun', ...started },
    { event: 'finished', ...started },
  ]);
  expect(lines).toContainEqual(
    expect.objectContaining({
      ...{ event: 'request', method: 'POST', host: instance.host },
      ...{ path: '/oauth/token', status: 200 },
    }),
  );
});

it('a refusal is logged with its code, its instance and its cause', async () => {
  const { lines, log } = aLog();
  const { instance, site, visitor } = await aStage('mastodon45', { options: { log } });
  const back = await comeBack(visitor, site, instance.host);
  await open(visitor, back);
  await open(visitor, back);
  expect(lines.at(-1)).toEqual({
    ...{ event: 'refused', code: 'login_expired', cause: 'the login was used already' },
  });
});

it.each(['message', 'cause'])(
  'an error whose %s cannot be read is told, and passed on as it is',
  async (name) => {
    const { lines, log } = aLog();
    const error = Object.defineProperty(new Error('no'), name, {
      get: () => {
        throw new Error('another error');
      },
    });
    const allowInstance = () => Promise.reject(error);
    const { instance, site, visitor } = await aStage('mastodon45', { options: { log, allowInstance } });
    await start(visitor, site, instance.host);
    expect(site.errors[0]).toBe(error);
    expect(lines).toEqual([{ event: 'failed', error: expect.any(String) }]);
  },
);

it.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('disk full');
    },
  ],
  ['rejects', () => Promise.reject(new Error('disk full'))],
])('a log that %s does not disturb the login', async (_how, log) => {
  const { instance, site, visitor } = await aStage('mastodon45', { options: { log } });
  expect((await visitor.login(site, instance.host)).json().user).toMatchObject({ username: 'alice' });
  expect(site.errors).toEqual([]);
});

it('the message of an error without a code, which may contain stored values, is in no event', async () => {
  const { lines, log } = aLog();
  const stateStore = {
    save: async (_req: unknown, state: string, login: object) =>
      Promise.reject(new Error(`INSERT ${state} ${JSON.stringify(login)}`)),
    take: async () => undefined,
  };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { log, stateStore } });
  await start(visitor, site, instance.host);
  expect(lines.at(-1)).toEqual({ event: 'failed', error: 'Error' });
  expect(JSON.stringify(lines)).not.toContain('INSERT');
});

describe('nothing was typed', () => {
  it('the cause names the missing field', async () => {
    const { lines, log } = aLog();
    const site = await aSite({ options: { log } });
    const page = await new Visitor().post(`${site.origin}/auth/mastodon`, { server: 'mastodon.social' });
    expect([page.status, page.json().code]).toEqual([400, 'instance_missing']);
    expect(lines).toEqual([
      { event: 'refused', code: 'instance_missing', cause: expect.stringContaining('field "instance"') },
    ]);
  });

  it('the cause names the missing body parser', async () => {
    const { lines, log } = aLog();
    const site = await aSite({ options: { log } });
    const strategy = site.strategy;
    const app = express();
    const passport = new Passport().use(strategy);
    app.post('/login', passport.authenticate('mastodon'));
    const server = createServer(app);
    const port = await listenLocally(server);
    await new Visitor().post(`http://localhost:${port}/login`, { instance: 'mastodon.social' });
    server.close();
    expect(lines).toEqual([
      {
        ...{ event: 'refused', code: 'instance_missing' },
        cause: expect.stringContaining('express.urlencoded()'),
      },
    ]);
  });
});

it('logins at one instance while another is down can be told apart', async () => {
  const { lines, log } = aLog();
  const up = await anInstance();
  // Nothing listens there.
  const down = { origin: 'http://localhost:1', host: 'localhost:1' };
  const site = await aSite({ instances: [up, down], options: { log } });
  await leave(new Visitor(), site, up.host);
  await start(new Visitor(), site, down.host);
  expect(lines).toContainEqual(
    expect.objectContaining({ event: 'refused', code: 'instance_unreachable', instance: down.host }),
  );
});
