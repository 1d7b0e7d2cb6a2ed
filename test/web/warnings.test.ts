/** Mistakes of a site on the web API that cause one warning each, and those that are silent in production. */

import { createLogin, type WebLogin } from '../../lib/web/index.js';
import type { StandIn } from '../support/instance.js';
import { anInstance, leastOptions } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';
import { allWarnings, inDevelopment, warningsOf } from '../support/warnings.js';

inDevelopment();

const origin = 'http://localhost:3000';
const callbackURL = `${origin}/auth/mastodon/callback`;

async function aLogin(options: { callbackURL?: string; cookieName?: string } = {}) {
  const instance = await anInstance();
  const login = createLogin({
    ...leastOptions,
    callbackURL,
    developmentInstances: [instance.origin],
    ...options,
  });
  return { instance, login };
}

const form = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  new Request(`${origin}/auth/mastodon`, { method: 'POST', body: new URLSearchParams(fields), headers });

const cookieIn = ({ headers }: { headers: Headers }) => headers.get('set-cookie')?.split(';', 1)[0] ?? '';

async function begin(login: WebLogin, { host }: StandIn, Cookie = '') {
  const begun = await login.begin(form({ instance: host }, { Cookie }));
  const callback = await new Visitor().approve(begun.headers.get('location') ?? '');
  return { callback, cookie: cookieIn(begun) };
}

const finish = (login: WebLogin, callback: string, Cookie: string) =>
  login.finish(new Request(callback, { headers: { Cookie } }));

it('a site without mistakes causes no warning', async () => {
  const { instance, login } = await aLogin();
  let cookie = '';
  for (let turn = 0; turn < 3; turn++) {
    const begun = await begin(login, instance, cookie);
    ({ cookie } = begun);
    await finish(login, begun.callback, cookie);
  }
  await expect(login.begin(new Request(`${origin}/auth/mastodon`))).rejects.toThrow();
  expect(allWarnings()).toEqual([]);
});

it('each route has a login of its own: the error’s cause says to make it once', async () => {
  const { instance, login } = await aLogin();
  const other = createLogin({ ...leastOptions, callbackURL, developmentInstances: [instance.origin] });
  const { callback, cookie } = await begin(login, instance);
  await expect(finish(other, callback, cookie)).rejects.toMatchObject({
    code: 'login_expired',
    cause: { message: expect.stringMatching(/make it once.*Next\.js/) as unknown },
  });
  expect(warningsOf('MASTODON_LOGIN_FAILED')).toEqual([expect.stringContaining('make it once')]);
});

it('no authorization response arrives: warned when the same browser begins again', async () => {
  const { instance, login } = await aLogin();
  const { cookie } = await begin(login, instance);
  expect(allWarnings()).toEqual([]);
  await begin(login, instance, cookie);
  await begin(login, instance, cookie);
  expect(warningsOf('MASTODON_NO_ANSWER')).toEqual([
    expect.stringContaining('a route for /auth/mastodon/callback/:instance'),
  ]);
});

it.each([
  [callbackURL, callbackURL, /give the visitor the Response|Give the visitor the Response/],
  ['https://localhost/callback', 'http://localhost/callback', /over https: browsers keep no cookie/],
])('the cookie of %s is not there at the callback: warned why', async (url, at, expected) => {
  const { instance, login } = await aLogin({ callbackURL: url });
  const { callback } = await begin(login, instance);
  await expect(finish(login, callback.replace(url, at), '')).rejects.toMatchObject({ code: 'login_expired' });
  expect(warningsOf('MASTODON_NO_COOKIE')).toEqual([expect.stringMatching(expected)]);
});

it('a made-up state causes no warning about cookies', async () => {
  const { login } = await aLogin();
  const response = `${callbackURL}/mastodon.social?code=abc&state=${'A'.repeat(43)}`;
  await expect(finish(login, response, '')).rejects.toMatchObject({ code: 'login_expired' });
  expect(warningsOf('MASTODON_NO_COOKIE')).toEqual([]);
});

it('the body was read before, and begin was given no instance', async () => {
  const { login } = await aLogin();
  const request = form({ server: 'mastodon.social' });
  const instance = (await request.formData()).get('instance') ?? undefined;
  await expect(login.begin(request, { instance })).rejects.toMatchObject({ code: 'instance_missing' });
  expect(warningsOf('MASTODON_NO_BODY')).toEqual([expect.stringContaining('begin(request, { instance })')]);
});

it('a script sends JSON without a Content-Type', async () => {
  const { login } = await aLogin();
  const body = JSON.stringify({ instance: 'mastodon.social' });
  const request = new Request(`${origin}/auth/mastodon`, { method: 'POST', body });
  await expect(login.begin(request)).rejects.toMatchObject({ code: 'instance_missing' });
  expect(warningsOf('MASTODON_NO_BODY')).toEqual([expect.stringContaining('Content-Type: application/json')]);
});

it('the field has another name', async () => {
  const { login } = await aLogin();
  await expect(login.begin(form({ server: 'mastodon.social' }))).rejects.toThrow();
  expect(warningsOf('MASTODON_NO_FIELD')).toEqual([expect.stringContaining('Name the input so')]);
});

it('a developer types a server that is not listed', async () => {
  const { login } = await aLogin();
  await expect(login.begin(form({ instance: 'localhost:4000' }))).rejects.toMatchObject({
    code: 'instance_invalid',
  });
  expect(warningsOf('MASTODON_NOT_LISTED')).toEqual([
    expect.stringContaining("developmentInstances: ['http://localhost:4000']"),
  ]);
});

it('a script begins a login', async () => {
  const { instance, login } = await aLogin();
  const headers = { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'empty' };
  await login.begin(form({ instance: instance.host }, headers));
  expect(warningsOf('MASTODON_BY_SCRIPT')).toEqual([expect.stringContaining('Submit a form')]);
});

it.each(['production', 'test'])(
  'with NODE_ENV %s visitors cause no warning by what they send',
  async (name) => {
    process.env['NODE_ENV'] = name;
    const { instance, login } = await aLogin();
    const { callback, cookie } = await begin(login, instance);
    await begin(login, instance, cookie);
    await expect(finish(login, callback, '')).rejects.toThrow();
    await expect(login.begin(form({ server: 'x' }))).rejects.toThrow();
    await expect(login.begin(form({ instance: 'localhost:4000' }))).rejects.toThrow();
    expect(allWarnings('MASTODON_STORE_IN_MEMORY', 'MASTODON_LOCAL_CALLBACK')).toEqual([]);
  },
);
