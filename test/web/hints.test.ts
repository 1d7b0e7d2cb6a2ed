/** What a first-time builder does wrong at the web door, and what they are told: once, and only while they build. */

import { createLogin, type WebLogin } from '../../lib/web/index.js';
import { allTold, told, whileBuilding } from '../support/hints.js';
import type { StandIn } from '../support/instance.js';
import { anInstance, leastOptions } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

whileBuilding();

const origin = 'http://localhost:3000';
const callbackURL = `${origin}/auth/mastodon/callback`;

async function aLogin(options: { callbackURL?: string } = {}) {
  const instance = await anInstance();
  const login = createLogin({
    ...leastOptions,
    callbackURL,
    developmentInstances: [instance.origin],
    ...options,
  });
  return { instance, login };
}

const form = (fields: Record<string, string>, headers: Record<string, string> = {}, at = origin) =>
  new Request(`${at}/auth/mastodon`, { method: 'POST', body: new URLSearchParams(fields), headers });

const cookieIn = ({ headers }: { headers: Headers }) => headers.get('set-cookie')?.split(';', 1)[0] ?? '';

async function begin(login: WebLogin, { host }: StandIn, Cookie = '') {
  const begun = await login.begin(form({ instance: host }, { Cookie }));
  const callback = await new Visitor().approve(begun.headers.get('location') ?? '');
  return { callback, cookie: cookieIn(begun) };
}

const finish = (login: WebLogin, callback: string, Cookie: string) =>
  login.finish(new Request(callback, { headers: { Cookie } }));

it('a site without mistakes is told nothing', async () => {
  const { instance, login } = await aLogin();
  let cookie = '';
  for (let turn = 0; turn < 3; turn++) {
    const begun = await begin(login, instance, cookie);
    cookie = cookieIn(await finish(login, begun.callback, begun.cookie));
  }
  await expect(login.begin(form({ instance: '' }))).rejects.toMatchObject({ code: 'instance_missing' });
  await expect(login.begin(new Request(`${origin}/auth/mastodon`))).rejects.toMatchObject({
    code: 'instance_missing',
  });
  await expect(login.finish(new Request(`${callbackURL}/mastodon.social`))).rejects.toThrow();
  expect(allTold()).toEqual([]);
});

it.each<[object, string]>([
  [{ scope: 'read write' }, 'scope in begin has no effect there: it is an option of createLogin'],
  [{ force_login: true }, 'force_login in begin is no option; did you mean forceLogin?'],
])('begin is given %j: told once', async (options, what) => {
  const { instance, login } = await aLogin();
  for (let turn = 0; turn < 2; turn++) await login.begin(form({ instance: instance.host }), options);
  expect(allTold()).toEqual([[expect.stringContaining(what), 'MASTODON_OPTION']]);
});

it('begin is called for an answer, and finish for a start: told which belongs where', async () => {
  const { login } = await aLogin();
  const answer = new Request(`${callbackURL}/mastodon.social?code=abc&state=def`, {
    headers: { 'sec-fetch-site': 'cross-site' },
  });
  await expect(login.begin(answer)).rejects.toThrow();
  expect(told('MASTODON_WRONG_ROUTE')).toEqual([expect.stringContaining('begin was called for an answer')]);
  const another = await aLogin();
  await expect(another.login.finish(form({ instance: 'mastodon.social' }))).rejects.toThrow();
  expect(told('MASTODON_WRONG_ROUTE')).toEqual([
    expect.anything(),
    expect.stringMatching(/finish was called at \/auth\/mastodon, .* calls begin/),
  ]);
});

it('finish is called at an address that no route of a site has: told without it', async () => {
  const { login } = await aLogin();
  const odd = new Request(`${origin}/${'A'.repeat(9000)}/%9B2J`, { method: 'POST' });
  await expect(login.finish(odd)).rejects.toThrow();
  expect(told('MASTODON_WRONG_ROUTE')).toEqual([expect.stringContaining('finish was called at an address')]);
});

it('each route has a login of its own, with another cookie: told why none knows what the other began', async () => {
  const at = 'http://localhost:3999/auth/mastodon/callback';
  const { instance, login } = await aLogin({ callbackURL: at });
  const other = createLogin({
    ...leastOptions,
    callbackURL: at,
    cookieName: 'other',
    developmentInstances: [instance.origin],
  });
  const { callback, cookie } = await begin(login, instance);
  await expect(finish(other, callback, cookie)).rejects.toMatchObject({ code: 'login_expired' });
  await begin(login, instance, cookie);
  expect(allTold().map(([, code]) => code)).toEqual(['MASTODON_MADE_TWICE']);
});

it('a bundler loads the module once for each route, as Next.js does: told as well', async () => {
  const options = { callbackURL: 'http://localhost:3998/auth/mastodon/callback' };
  const { instance, login } = await aLogin(options);
  let other = login;
  jest.isolateModules(() => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- once more, into a registry of its own
    const again = require('../../lib/web/index.js') as { createLogin: typeof createLogin };
    other = again.createLogin({ ...leastOptions, ...options, developmentInstances: [instance.origin] });
  });
  const { callback, cookie } = await begin(login, instance);
  await expect(finish(other, callback, cookie)).rejects.toMatchObject({ code: 'login_expired' });
  expect(told('MASTODON_MADE_TWICE')).toEqual([expect.stringContaining('in Next.js')]);
});

it('there is no route for the answer: told when the same browser begins again', async () => {
  const { instance, login } = await aLogin();
  const { cookie } = await begin(login, instance);
  expect(allTold()).toEqual([]);
  await begin(login, instance, cookie);
  await begin(login, instance, cookie);
  expect(told('MASTODON_NO_ANSWER')).toEqual([
    expect.stringMatching(/^createLogin: .* route for \/auth\/mastodon\/callback\/:instance/),
  ]);
});

it('a redirect made of the Location alone, which has no cookie', async () => {
  const { instance, login } = await aLogin();
  const { callback } = await begin(login, instance);
  await expect(finish(login, callback, '')).rejects.toMatchObject({ code: 'login_expired' });
  expect(told('MASTODON_NO_COOKIE')).toEqual([expect.stringContaining('give the visitor the Response')]);
});

it('a site by http whose callbackURL is https already', async () => {
  const { instance, login } = await aLogin({ callbackURL: 'https://localhost/auth/mastodon/callback' });
  const { callback } = await begin(login, instance);
  await expect(finish(login, callback.replace('https:', 'http:'), '')).rejects.toThrow();
  expect(told('MASTODON_NO_COOKIE')).toEqual([expect.stringContaining('by https, without which')]);
});

it('a site by http, told when a login begins at the name and port of its callbackURL', async () => {
  const { instance, login } = await aLogin({ callbackURL: 'https://localhost:3000/auth/mastodon/callback' });
  await login.begin(form({ instance: instance.host }, { 'X-Forwarded-Proto': 'https' }));
  await login.begin(form({ instance: instance.host }, {}, 'https://localhost:3000'));
  expect(allTold()).toEqual([]);
  await login.begin(form({ instance: instance.host }));
  expect(told('MASTODON_BY_HTTP')).toEqual([expect.stringMatching(/^createLogin: .* say http there/)]);
});

it('the headers of finish are left out of the response', async () => {
  const { instance, login } = await aLogin();
  const { callback, cookie } = await begin(login, instance);
  await finish(login, callback, cookie);
  await begin(login, instance, cookie);
  expect(told('MASTODON_NO_HEADERS')).toEqual([expect.stringContaining('the headers that finish() gives')]);
});

describe('nothing arrives of what was typed', () => {
  it('the body was read before', async () => {
    const { login } = await aLogin();
    const request = form({ server: 'mastodon.social' });
    const instance = (await request.formData()).get('instance') ?? undefined;
    await expect(login.begin(request, { instance })).rejects.toMatchObject({ code: 'instance_missing' });
    expect(told('MASTODON_NO_BODY')).toEqual([expect.stringContaining('begin(request, { instance })')]);
  });

  it('the field has another name', async () => {
    const { login } = await aLogin();
    await expect(login.begin(form({ server: 'mastodon.social' }))).rejects.toThrow();
    expect(told('MASTODON_NO_FIELD')).toEqual([expect.stringContaining('name the input so')]);
  });
});

it('a server of their own is typed, and not listed', async () => {
  const { login } = await aLogin();
  await expect(login.begin(form({ instance: 'localhost:4000' }))).rejects.toMatchObject({
    code: 'instance_invalid',
  });
  expect(told('MASTODON_NOT_LISTED')).toEqual([
    expect.stringMatching(/^createLogin: .* developmentInstances: \['http:\/\/localhost:4000'\]/),
  ]);
});

it('a start at 127.0.0.1 that comes back to localhost', async () => {
  const { instance, login } = await aLogin();
  await login.begin(form({ instance: instance.host }, {}, 'http://127.0.0.1:3000'));
  expect(told('MASTODON_OTHER_NAME')).toEqual([expect.stringContaining(`open the site at ${origin}`)]);
});

it('a script that begins a login', async () => {
  const { instance, login } = await aLogin();
  const headers = { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'empty' };
  await login.begin(form({ instance: instance.host }, headers));
  expect(told('MASTODON_BY_SCRIPT')).toEqual([expect.stringContaining('send a form')]);
});

it.each(['production', 'test'])('in %s nothing is told, as anybody could set it off', async (name) => {
  process.env['NODE_ENV'] = name;
  const { instance, login } = await aLogin();
  const { callback, cookie } = await begin(login, instance);
  await begin(login, instance, cookie);
  await expect(finish(login, callback, '')).rejects.toThrow();
  await expect(login.begin(form({ server: 'x' }))).rejects.toThrow();
  await expect(login.begin(form({ instance: 'localhost:4000' }))).rejects.toThrow();
  expect(allTold().filter(([, code]) => code !== 'MASTODON_STORE_IN_MEMORY')).toEqual([]);
});
