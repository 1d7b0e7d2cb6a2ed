/** The events of logins on the process's diagnostics channel, for each entry point, and the values that they omit. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventMessage } from '../../lib/index.js';
import { createLogin } from '../../lib/web/index.js';
import { agree, startBridge, until } from '../bridge/stage.js';
import { anIssuer, logIn } from '../issuer/stage.js';
import {
  anInstance,
  aSite,
  aStage,
  comeBack,
  leastOptions,
  open,
  secretsOf,
  start,
} from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const name = 'passport-mastodon-oauth2';
let messages: EventMessage[] = [];
const listen = (message: unknown) => void messages.push(message as EventMessage);

beforeEach(() => {
  messages = [];
  subscribe(name, listen);
});
afterEach(() => void unsubscribe(name, listen));

/** The process has one channel, so a login of another file may still end here, at another instance. */
const messagesFrom = (entryPoint: string, host = '') =>
  messages.filter((message) => {
    const instance = 'host' in message ? message.host : 'instance' in message ? message.instance : undefined;
    return message.from === entryPoint && (instance ?? host) === host;
  });

/** The events of an entry point in order, without requests to instances, which several logins may share. */
const eventsFrom = (entryPoint: string, { host } = { host: '' }) =>
  messagesFrom(entryPoint, host)
    .map(({ event }) => event)
    .filter((event) => event !== 'request');

const aLogin = ['registered', 'begun', 'finished'];

it('a login through Passport is reported, without a log of the site', async () => {
  const { instance, site, visitor } = await aStage();
  await visitor.login(site, instance.host);
  expect(eventsFrom('MastodonStrategy', instance)).toEqual(aLogin);
  expect(messages).toContainEqual({
    from: 'MastodonStrategy',
    event: 'finished',
    instance: instance.host,
    software: 'mastodon',
  });
  const token = messages.find(
    (message) =>
      message.event === 'request' && message.path === '/oauth/token' && message.host === instance.host,
  );
  expect(token).toEqual({
    from: 'MastodonStrategy',
    event: 'request',
    method: 'POST',
    host: instance.host,
    path: '/oauth/token',
    status: expect.any(Number),
    milliseconds: expect.any(Number),
  });
});

it('a login by the web adapter is reported', async () => {
  const instance = await anInstance();
  const login = createLogin({ ...leastOptions, developmentInstances: [instance.origin] });
  const address = leastOptions.callbackURL;
  const { headers } = await login.begin(new Request(address), { instance: instance.host });
  const callback = await new Visitor().approve(headers.get('location') ?? '');
  const cookie = headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  await login.finish(new Request(callback, { headers: { cookie } }));
  expect(eventsFrom('createLogin', instance)).toEqual(aLogin);
});

it('a login through the bridge is reported, the client’s part and the instance’s, each once', async () => {
  const instance = await anInstance();
  const { connect, events } = await startBridge([instance]);
  const client = await connect();
  const { url } = await client.request(instance.host);
  await agree(new Visitor(), url);
  await client.hear('fulfill');
  const expected = ['request_opened', 'registered', 'begun', 'finished', 'request_ended'];
  expect(eventsFrom('createBridge', instance)).toEqual(expected);
  expect(messages.some(({ event }) => event === 'request')).toBe(true);
  expect(events.map(([event, fields]) => ({ from: 'createBridge', event, ...fields }))).toEqual(
    messagesFrom('createBridge', instance.host),
  );
});

it('a login through the issuer is reported, each part of it once', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance]);
  await logIn(stage, instance);
  expect(eventsFrom('createIssuer', instance)).toEqual([...aLogin, 'login']);
  const told = messagesFrom('createIssuer', instance.host);
  expect(stage.events.map(([event]) => event)).toEqual(told.map(({ event }) => event));
});

it('events contain no secret, and no error object', async () => {
  const { instance, site, visitor } = await aStage();
  const back = await comeBack(visitor, site, instance.host);
  await open(visitor, back);
  await open(new Visitor(), back);
  const { connect } = await startBridge([instance], {
    allowInstance: () => Promise.reject(Object.assign(new Error('sesame'), { code: 'EDATABASE' })),
  });
  (await connect()).ask(instance.host);
  const failed = () => messages.find(({ from, event }) => from === 'createBridge' && event === 'failed');
  await until(() => failed() !== undefined);
  expect(failed()).toEqual({ from: 'createBridge', event: 'failed', error: 'Error EDATABASE' });
  const told = JSON.stringify(messages);
  for (const secret of secretsOf(instance, back)) expect(told).not.toContain(secret);
});

it('an unsubscribed listener receives nothing more, and the site’s log continues', async () => {
  const lines: string[] = [];
  const site = await aSite({ options: { log: ({ event }) => lines.push(event) } });
  await start(new Visitor(), site, '');
  unsubscribe(name, listen);
  await start(new Visitor(), site, '');
  expect(eventsFrom('MastodonStrategy')).toEqual(['refused']);
  expect(lines).toEqual(['refused', 'refused']);
});
