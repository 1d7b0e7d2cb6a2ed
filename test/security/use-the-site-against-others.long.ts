/** The attacker owns a domain, and makes this site send many or long requests to a third party. */

import type { ServerResponse } from 'node:http';
import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import type { OutboundOptions } from '../../lib/options.js';
import { begin, consent, logIn, returnWithInvalidCode } from '../support/core.js';
import type { StandIn } from '../support/instance.js';
import { codeOf } from '../support/network.js';
import { anInstance, leastOptions } from '../support/stage.js';

afterEach(() => void jest.restoreAllMocks());

function aLoginAmong(instances: readonly StandIn[], outbound: OutboundOptions = {}): MastodonLogin {
  return new MastodonLogin({
    ...leastOptions,
    developmentInstances: instances.map(({ origin }) => origin),
    // A name that failed gets no request for a while; the attacker has any number of names.
    outbound: { failureCooldownMs: 1, ...outbound },
  });
}

/** Leads each visitor to the victim, in each possible way. */
async function anAttacker(victim: StandIn): Promise<StandIn> {
  const attacker = await anInstance();
  attacker.answerWith(/^GET /, 302, '', { Location: `${victim.origin}/expensive?q=x` });
  leadHandles(attacker, victim);
  return attacker;
}

/** Says of every handle that it is alice of the victim. */
function leadHandles(domain: StandIn, victim: StandIn): void {
  domain.answer('/.well-known/webfinger', (_req, res, { query }) => {
    const href = `${victim.origin}/users/alice`;
    const links = [{ rel: 'self', type: 'application/activity+json', href }];
    res.writeHead(200, { 'Content-Type': 'application/jrd+json' });
    res.end(JSON.stringify({ subject: query['resource'], links }));
  });
}

const find = (login: MastodonLogin, address: string) => codeOf(login.find(address));

it('the starts that one domain leads elsewhere are counted by the server that they lead to', async () => {
  const victim = await anInstance();
  victim.answerWith(/^GET /, 404, {});
  const [attacker, other] = [await anAttacker(victim), await anAttacker(victim)];
  const login = aLoginAmong([victim, attacker, other]);
  const codes = [];
  for (let i = 0; i < 33; i++) codes.push(await find(login, `@u${i}@${attacker.host}`));
  expect(new Set(codes)).toEqual(new Set(['instance_unsupported', 'login_busy']));
  expect(codes.at(-1)).toBe('login_busy');
  // A quarter of the requests that all typed domains together may cause there in a minute.
  expect(victim.requests.length).toBeLessThanOrEqual(15);
  expect(victim.requestsTo('/expensive')).toEqual([]);
  // Each of nine documents once.
  const asked = new Set(victim.requests.map(({ path }) => path));
  expect(asked.size).toBeLessThanOrEqual(9);
  for (const path of asked) expect(victim.requestsTo(path).length).toBeLessThanOrEqual(30);

  // Other visitors are not delayed: neither one who typed the server, nor one whom another domain led there.
  for (const host of [victim.host, other.host]) {
    victim.resetRequests();
    expect(await find(login, host)).toBe('instance_unsupported');
    expect(victim.requests).not.toEqual([]);
  }
  const now = Date.now();
  const clock = performance.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);
  jest.spyOn(performance, 'now').mockReturnValue(clock + 61_000);
  expect(await find(login, `@later@${attacker.host}`)).toBe('instance_unsupported');
});

it('a start that was led to a server does not pass its failure on to a visitor who typed that server', async () => {
  const victim = await anInstance();
  let hold: (res: ServerResponse) => void = () => undefined;
  const held = new Promise<ServerResponse>((resolve) => (hold = resolve));
  let isFirst = true;
  victim.answer(
    ({ path }) => path === '/api/v1/instance' && isFirst,
    (_req, res) => {
      isFirst = false;
      hold(res);
    },
  );
  const attacker = await anAttacker(victim);
  attacker.answerWith(/^GET \/(api|nodeinfo|\.well-known\/oauth)/, 404, {});
  const login = aLoginAmong([victim, attacker], { loginTimeoutMs: 5000 });
  const attack = find(login, `@u@${attacker.host}`);
  const letGo = await held;
  const honest = login.find(victim.host);
  // As if the attacker's domain had used up its time before it led there.
  expect(await attack).toBeDefined();
  letGo.destroy();
  expect(await honest).toMatchObject({ origin: victim.origin });
});

it('registrations that timed out for visitors whom other domains led there do not count against the server', async () => {
  const victim = await anInstance();
  const held: ServerResponse[] = [];
  const answerAgain = victim.answer(/^POST \/api\/v1\/apps/, (_req, res) => void held.push(res));
  const domains = await Promise.all([1, 2, 3, 4].map(() => anAttacker(victim)));
  for (const domain of domains) domain.answerWith(/^GET \/(api|nodeinfo|\.well-known\/oauth)/, 404, {});
  const login = aLoginAmong([victim, ...domains], { loginTimeoutMs: 700, failureCooldownMs: 60_000 });
  const codes = domains.map(({ host }) => codeOf(login.begin(`@u@${host}`, randomToken())));
  expect(await Promise.all(codes)).toEqual(domains.map(() => 'timeout'));
  answerAgain();
  // This start may still share a registration with those visitors, so its failure is ignored.
  await login.begin(victim.host, randomToken()).catch(() => undefined);
  expect(await login.begin(victim.host, randomToken())).toMatchObject({ instance: { host: victim.host } });
  for (const res of held) res.destroy();
});

describe('a server in use, to which domains of strangers lead', () => {
  /** A domain without a server, all of whose handles are alice of the victim. */
  async function aDomain(victim: StandIn): Promise<StandIn> {
    const domain = await anInstance();
    domain.answerWith(/^GET /, 404, '');
    leadHandles(domain, victim);
    return domain;
  }

  /** Each handle begins a login, and returns with an invalid code. */
  async function flood(login: MastodonLogin, domains: readonly StandIn[], rounds: number) {
    for (let round = 0; round < rounds; round++) {
      for (const { host } of domains) {
        const start = await begin(login, `@u${round % 3}@${host}`).catch(() => undefined);
        if (start) await returnWithInvalidCode(login, start);
      }
    }
  }

  it('receives at most 60 requests a minute, starts and callbacks together', async () => {
    const victim = await anInstance();
    const domains = await Promise.all(Array.from({ length: 12 }, () => aDomain(victim)));
    const login = aLoginAmong([victim, ...domains]);
    await logIn(login, victim.host);
    victim.resetRequests();
    await flood(login, domains, 10);
    expect(victim.requestsTo('POST /oauth/token')).not.toEqual([]);
    expect(victim.requests.length).toBeLessThanOrEqual(60);
  });

  it('accepts the visitors of another domain: one that is already there, and those that were there before', async () => {
    const victim = await anInstance();
    const domains = await Promise.all(Array.from({ length: 12 }, () => aDomain(victim)));
    const [known, honest] = [await aDomain(victim), await aDomain(victim)];
    const login = aLoginAmong([victim, known, honest, ...domains]);
    await logIn(login, `@alice@${known.host}`);
    const finish = await consent(login, await begin(login, `@alice@${honest.host}`));
    await flood(login, domains.slice(0, 6), 10);

    expect(await finish()).toMatchObject({ profile: { username: 'alice' } });
    await flood(login, domains, 10);
    // The handle's mapping and the client are known, and so is everything that the next login needs.
    for (const typed of [`@alice@${known.host}`, `@alice@${honest.host}`, victim.host])
      expect(await logIn(login, typed)).toMatchObject({ profile: { username: 'alice' } });
  });
});
