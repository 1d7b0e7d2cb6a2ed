/**
 * The attacker makes up names, handles and codes at a domain, so that no visitor can log in at its server for the
 * first time.
 */

import type { LookupFunction } from 'node:net';
import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import { begin, consent, logIn, returnWithInvalidCode } from '../support/core.js';
import type { StandIn } from '../support/instance.js';
import { anInstance, LockingStore, leastOptions } from '../support/stage.js';

/** Only these names exist. */
const existing = (names: readonly string[]): LookupFunction => {
  return (name, options, callback) => {
    if (!names.includes(name)) return callback(Object.assign(new Error(), { code: 'ENOTFOUND' }), '');
    if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };
};

/** A server below the domain `fedi.example`. The other names lead to it, too. */
async function aServer(hostname: string, others: readonly string[] = []) {
  const instance = await anInstance('mastodon45', { hostname });
  const origins = [hostname, ...others].map((name) => `http://${name}:${new URL(instance.origin).port}`);
  return { instance, origins, names: [hostname, ...others] };
}

function aLogin(...servers: Awaited<ReturnType<typeof aServer>>[]): MastodonLogin {
  return new MastodonLogin({
    ...leastOptions,
    developmentInstances: servers.flatMap(({ origins }) => origins),
    outbound: { lookup: existing(servers.flatMap(({ names }) => names)), failureCooldownMs: 1 },
  });
}

const tries = (login: MastodonLogin, typed: readonly string[]) =>
  Promise.all(typed.map((one) => login.begin(one, randomToken()).catch((error: Error) => error)));

const range = (count: number) => Array.from({ length: count }, (_one, index) => index);

const beginsAt = (login: MastodonLogin, { host }: StandIn) =>
  expect(login.begin(host, randomToken())).resolves.toMatchObject({ instance: { host } });

it('names that do not exist do not stop the first login at a server below the same domain', async () => {
  const server = await aServer('social.fedi.example');
  const login = aLogin(server);
  const flood = tries(
    login,
    range(100).map((index) => `h${index}.fedi.example`),
  );
  await beginsAt(login, server.instance);
  await flood;
});

it('names that all exist do not stop the first login at the domain itself, within 120 requests a minute', async () => {
  const names = range(60).map((index) => `h${index}.fedi.example`);
  const { instance, ...server } = await aServer('fedi.example', names);
  instance.answer(
    ({ headers }) => /^h\d+\./.test(String(headers.host)),
    (_req, res) => void res.writeHead(404).end(),
  );
  const login = aLogin({ instance, ...server });
  const { port } = new URL(instance.origin);
  const flood = tries(
    login,
    names.map((name) => `${name}:${port}`),
  );
  await beginsAt(login, instance);
  await flood;
  expect(instance.requests.length).toBeGreaterThan(50);
  expect(instance.requests.length).toBeLessThanOrEqual(120);
});

it('handles of a domain that do not exist do not stop the first login at its server', async () => {
  const [domain, server] = [await aServer('fedi.example'), await aServer('social.fedi.example')];
  domain.instance.answerWith(/^GET /, 404, {});
  const login = aLogin(domain, server);
  for (let n = 0; n < 50; n++) await tries(login, [`@u${n}@${domain.instance.host}`]);
  expect(domain.instance.requests.length).toBeGreaterThan(40);
  await beginsAt(login, server.instance);
});

it('handles at a domain without a server do not stop a start with the domain alone', async () => {
  const domain = await aServer('fedi.example');
  domain.instance.answerWith(/^GET /, 404, {});
  const login = aLogin(domain);
  const { host } = domain.instance;
  await tries(
    login,
    range(50).map((n) => `@u${n}@${host}`),
  );
  const [refused, atLast] = await tries(login, ['@one.more@' + host, host]);
  expect(refused).toMatchObject({ code: 'login_busy' });
  expect(atLast).toMatchObject({ code: 'instance_unsupported' });
});

it('invalid codes in a process that has just started do not stop a login at a server in use', async () => {
  const instance = await anInstance();
  const options = { ...leastOptions, store: new LockingStore(), developmentInstances: [instance.origin] };
  const before = new MastodonLogin(options);
  await logIn(before, instance.host);
  const started = new MastodonLogin(options);
  const honest = await begin(before, instance.host);
  for (let n = 0; n < 150; n++) await returnWithInvalidCode(started, await begin(before, instance.host));
  const finish = await consent(started, honest);
  expect(await finish()).toMatchObject({ profile: { username: 'alice' } });
});

it('invalid codes at one server do not stop the first login at another server below the same domain', async () => {
  const [evil, server] = [await aServer('evil.fedi.example'), await aServer('social.fedi.example')];
  const login = aLogin(evil, server);
  for (let n = 0; n < 150; n++) {
    const start = await begin(login, evil.instance.host).catch(() => undefined);
    if (start) await returnWithInvalidCode(login, start);
  }
  expect(evil.instance.requestsTo('POST /oauth/token').length).toBeGreaterThan(30);
  await beginsAt(login, server.instance);
});
