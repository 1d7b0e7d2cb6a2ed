/** Attackers make visitors cause requests to third parties: how many requests arrive there. */

import type { Socket } from 'node:net';
import type { Http } from '../../lib/http/context.js';
import { ReferralLimits, type Referral } from '../../lib/http/referrals.js';
import { get } from '../../lib/http/request.js';
import { aRawServer, until } from '../support/hostile.js';
import { contextOf, httpTo, originOf } from '../support/network.js';

const answer = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';

/** A server that counts its requests, and answers at once or when the test says so. */
async function aVictim(isPatient = false) {
  let requests = 0;
  const waiting: Socket[] = [];
  const server = await aRawServer((socket) => {
    socket.on('data', () => {
      requests++;
      if (isPatient) waiting.push(socket);
      else socket.write(answer);
    });
  });
  const { origin } = originOf(server);
  const answerAll = () => waiting.splice(0).forEach((socket) => socket.write(answer));
  return { origin, http: httpTo([{ origin }]), requests: () => requests, answerAll };
}

/** The outcome of one request that a visitor causes by typing a name. */
async function cause(
  http: Http,
  typed: string | undefined,
  origin: string,
  standing?: 'pending' | 'confirmed',
) {
  const context = contextOf(http, { typed });
  const { host } = new URL(origin);
  if (standing) context.hosts.standing.set(host, standing);
  if (standing === 'confirmed') http.referrals.confirm(host, typed);
  try {
    return await get(context, `${origin}/`, {}, ({ status }) => status);
  } catch (error) {
    const { code, instance } = error as { code?: string; instance?: string };
    return `${code} ${instance}`;
  } finally {
    context.end();
  }
}

async function causeMany(count: number, http: Http, typed: (index: number) => string, origin: string) {
  const ends: (string | number)[] = [];
  for (let index = 0; index < count; index++) ends.push(await cause(http, typed(index), origin));
  return ends;
}

it('a host that visitors did not type receives 44 requests a minute, however many domains lead to it', async () => {
  const { http, origin, requests } = await aVictim();
  const ends = await causeMany(300, http, (index) => `h${index}.evil${index}.example`, origin);
  expect(requests()).toBe(44);
  expect(ends.filter((end) => end === 200)).toHaveLength(44);
  expect(ends.at(-1)).toBe(`login_busy ${new URL(origin).host}`);
});

it('one domain, with any number of names, causes a quarter of them', async () => {
  const { http, origin, requests } = await aVictim();
  await causeMany(100, http, (index) => `h${index}.evil.example`, origin);
  expect(requests()).toBe(11);
});

it('five domains leave requests for a visitor who types a sixth', async () => {
  const { http, origin } = await aVictim();
  await causeMany(300, http, (index) => `h${index}.evil${index % 5}.example`, origin);
  expect(await causeMany(3, http, () => 'honest.example', origin)).toEqual([200, 200, 200]);
});

it('work without a typed host counts as well', async () => {
  const { http, origin, requests } = await aVictim();
  for (let index = 0; index < 50; index++) await cause(http, undefined, origin);
  expect(requests()).toBe(11);
});

it('a minute later requests are possible again, and not before', async () => {
  const { http, origin, requests } = await aVictim();
  const now = performance.now.bind(performance);
  const later = jest.spyOn(performance, 'now');
  for (const [seconds, most] of [
    [0, 11],
    [59, 11],
    [61, 22],
  ] as const) {
    later.mockImplementation(() => now() + seconds * 1000);
    await causeMany(20, http, () => 'evil.example', origin);
    expect(requests()).toBe(most);
  }
  later.mockRestore();
});

it('a change of the machine’s clock does not reset the limits', async () => {
  const { http, origin, requests } = await aVictim();
  await causeMany(20, http, () => 'evil.example', origin);
  const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
  await causeMany(20, http, () => 'evil.example', origin);
  clock.mockRestore();
  expect(requests()).toBe(11);
});

it('eight requests run at once; others wait in order', async () => {
  const { http, origin, requests, answerAll } = await aVictim(true);
  const order: number[] = [];
  const all = Array.from({ length: 12 }, async (_one, index) => {
    const end = await cause(http, `evil${index}.example`, origin);
    order.push(index);
    return end;
  });
  await until(() => requests() === 8);
  // No other request is running: the remaining one waits for its response.
  await new Promise((resolve) => setImmediate(resolve));
  expect(requests()).toBe(8);
  answerAll();
  await until(() => requests() === 12);
  answerAll();
  expect(await Promise.all(all)).toEqual(Array.from({ length: 12 }, () => 200));
  expect(order.slice(8).sort((a, b) => a - b)).toEqual([8, 9, 10, 11]);
});

it('a request that has waited until its deadline is refused, and uses none up', async () => {
  const { http, origin, requests, answerAll } = await aVictim(true);
  const first = Array.from({ length: 8 }, (_one, index) => cause(http, `evil${index}.example`, origin));
  await until(() => requests() === 8);
  const hurried = contextOf(http, { timeoutMs: 30, typed: 'honest.example' });
  const { host } = new URL(origin);
  await expect(get(hurried, `${origin}/`, {}, () => 1)).rejects.toMatchObject({
    code: 'login_busy',
    instance: host,
  });
  answerAll();
  await Promise.all(first);
  const next = cause(http, 'honest.example', origin);
  await until(() => requests() === 9);
  answerAll();
  expect(await next).toBe(200);
});

it('a host that visitors typed receives more, within limits, too', async () => {
  const { http, origin, requests } = await aVictim();
  const { host } = new URL(origin);
  const ends = await causeMany(150, http, () => host, origin);
  expect(requests()).toBe(60);
  expect(ends.at(-1)).toBe(`login_busy ${host}`);
  // These requests do not count as referred, so a referred request is still possible.
  expect(await cause(http, 'other.example', origin)).toBe(200);
});

it('typed names below a domain leave some requests for pending logins there', async () => {
  const { http, origin } = await aVictim();
  const { host } = new URL(origin);
  await causeMany(150, http, () => host, origin);
  expect(await cause(http, host, origin)).toBe(`login_busy ${host}`);
  expect(await cause(http, host, origin, 'pending')).toBe(200);
});

it('a host that visitors typed, and at which a login finished, has no limit', async () => {
  const { http, origin, requests } = await aVictim();
  const { host } = new URL(origin);
  http.referrals.inUse.set(host, true);
  await causeMany(150, http, () => host, origin);
  expect(requests()).toBe(150);
});

describe('a host at which a login finished', () => {
  it('receives no more for names of others', async () => {
    const { http, origin, requests } = await aVictim();
    http.referrals.inUse.set(new URL(origin).host, true);
    await causeMany(300, http, (index) => `h${index}.evil${index}.example`, origin);
    expect(requests()).toBe(44);
  });

  it('receives 60 in all, also for pending logins of strangers', async () => {
    const { http, origin, requests } = await aVictim();
    for (const index of Array(30).keys()) {
      await cause(http, `owned${index}.example`, origin, 'confirmed');
      await cause(http, `owned${index}.example`, origin, 'confirmed');
    }
    const before = requests();
    for (const index of Array(300).keys()) {
      await cause(http, `evil${index}.example`, origin);
      await cause(http, `evil${index}.example`, origin, 'pending');
      await cause(http, `owned${index % 30}.example`, origin, 'pending');
    }
    expect(requests() - before).toBe(60);
  });

  it('receives requests for pending logins, when strangers have used up those for discovery', async () => {
    const { http, origin } = await aVictim();
    await causeMany(300, http, (index) => `evil${index}.example`, origin);
    expect(await cause(http, 'honest.example', origin)).toMatch(/^login_busy/);
    expect(await cause(http, 'honest.example', origin, 'pending')).toBe(200);
  });

  it('receives a request for a name that led there before, when strangers have used up those, too', async () => {
    const { http, origin } = await aVictim();
    await cause(http, 'honest.example', origin, 'confirmed');
    for (const index of Array(300).keys()) await cause(http, `evil${index}.example`, origin, 'pending');
    expect(await cause(http, 'late.example', origin, 'pending')).toMatch(/^login_busy/);
    expect(await cause(http, 'honest.example', origin, 'pending')).toBe(200);
  });

  it('receives any number of requests for logins that it confirms', async () => {
    const { http, origin, requests } = await aVictim();
    for (let login = 0; login < 100; login++) {
      const context = contextOf(http, { typed: 'honest.example' });
      context.hosts.standing.set(new URL(origin).host, 'pending');
      await get(context, `${origin}/token`, {}, () => 1);
      context.hosts.standing.set(new URL(origin).host, 'confirmed');
      http.referrals.confirm(new URL(origin).host, 'honest.example');
      await get(context, `${origin}/account`, {}, () => 1);
      context.end();
    }
    expect(requests()).toBe(200);
  });
});

describe('names below one domain', () => {
  const signal = new AbortController().signal;

  /** A referral by its number. A visitor typed the host itself, unless it says otherwise. */
  type Referring = (index: number) => Pick<Referral, 'host'> & Partial<Referral>;

  /** How many of `count` requests are sent, and the error of the last one. */
  async function sentOf(limits: ReferralLimits, count: number, referring: Referring, send = async () => {}) {
    let [sent, failure]: [number, unknown] = [0, undefined];
    for (let index = 0; index < count; index++) {
      const referral = referring(index);
      await limits.run({ typed: referral.host, signal, ...referral }, send).then(
        () => sent++,
        (error: unknown) => (failure = error),
      );
    }
    return { sent, failure };
  }

  const own = 'example.net';
  const inner = 'inner.example.net';
  const some = (index: number) => ({ host: `h${index}.example.net` });

  it.each<[string, Referring, number]>([
    ['names that are typed', some, 52],
    ['names that other domains refer to', (n) => ({ ...some(n), typed: `evil${n}.example` }), 44],
    [
      'another port of a host on this machine',
      () => ({ host: 'localhost:4000', typed: 'localhost:3000' }),
      11,
    ],
    ['the domain itself', () => ({ host: own }), 60],
    ['the domain itself, with a port', () => ({ host: `${own}:8443` }), 60],
    ['a host on this machine', () => ({ host: 'localhost:4000' }), 60],
    ['one name', () => ({ host: inner }), 45],
    ['names with a pending login', (n) => ({ ...some(n), standing: 'pending' }), 60],
  ])('share the limit of that domain: %s', async (_what, referring, most) => {
    const { sent, failure } = await sentOf(new ReferralLimits(), 200, referring);
    expect(sent).toBe(most);
    expect(failure).toMatchObject({ code: 'login_busy', instance: referring(199).host });
  });

  it('that confirmed the login have no limit', async () => {
    const confirmed: Referring = (n) => ({ ...some(n), standing: 'confirmed' });
    expect(await sentOf(new ReferralLimits(), 200, confirmed)).toMatchObject({ sent: 200 });
  });

  it('on which a server was found have the limit of the domain itself', async () => {
    const limits = new ReferralLimits();
    limits.found.set(inner, true);
    expect(await sentOf(limits, 200, () => ({ host: inner }))).toMatchObject({ sent: 60 });
  });

  it('leave the limits of handles and of other domains alone', async () => {
    const limits = new ReferralLimits();
    expect(await sentOf(limits, 200, () => ({ host: own, hasHandle: true }))).toMatchObject({ sent: 60 });
    expect(await sentOf(limits, 200, () => ({ host: own }))).toMatchObject({ sent: 60 });
    expect(await sentOf(limits, 200, () => ({ host: 'other.example' }))).toMatchObject({ sent: 60 });
    // Starts without a handle used 60 of 120 requests; one source may use half of the other 60.
    const pending: Referring = () => ({ host: own, hasHandle: true, standing: 'pending' });
    expect(await sentOf(limits, 200, pending)).toMatchObject({ sent: 30 });
  });

  it.each(['ENOTFOUND', 'ENODATA', 'EPRIVATE'])(
    'without an address (%s) count from their sixth request on',
    async (code) => {
      const limits = new ReferralLimits();
      const lookUp = () => Promise.reject(Object.assign(new Error(code), { code }));
      expect((await sentOf(limits, 200, some, lookUp)).failure).toMatchObject({ code });
      const { failure } = await sentOf(limits, 51, () => ({ host: inner }), lookUp);
      expect(failure).toMatchObject({ code: 'login_busy' });
      expect(await sentOf(limits, 200, some)).toMatchObject({ sent: 52 - 45 });
    },
  );

  it('without an address are limited, and leave those of other domains alone', async () => {
    const limits = new ReferralLimits();
    const lookUp = () => Promise.reject(Object.assign(new Error('absent'), { code: 'ENOTFOUND' }));
    const { failure } = await sentOf(limits, 600 + 52 + 1, some, lookUp);
    expect(failure).toMatchObject({ code: 'login_busy' });
    const others = await sentOf(limits, 100, (n) => ({ host: `h${n}.other.example` }), lookUp);
    expect(others.failure).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('receive requests again after exactly a minute', async () => {
    const limits = new ReferralLimits();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(7);
    await sentOf(limits, 200, () => ({ host: own }));
    clock.mockReturnValue(7 + 59_999);
    expect(await sentOf(limits, 1, () => ({ host: own }))).toMatchObject({ sent: 0 });
    clock.mockReturnValue(7 + 60_000);
    expect(await sentOf(limits, 1, () => ({ host: own }))).toMatchObject({ sent: 1 });
    clock.mockRestore();
  });

  it('whose requests fail in another way count', async () => {
    const limits = new ReferralLimits();
    await sentOf(limits, 200, some, () => Promise.reject(new Error('reset')));
    expect(await sentOf(limits, 1, some)).toMatchObject({ sent: 0 });
  });

  it('do not count a request of a finished login, but count those of other visitors and of discovery', async () => {
    const limits = new ReferralLimits();
    await sentOf(limits, 1, () => ({ host: own, typed: 'honest.example' }));
    await sentOf(limits, 1, () => ({ host: own, typed: 'other.example', standing: 'pending' }));
    limits.confirm(own, 'honest.example');
    const others: Referring = (n) => ({ host: own, typed: `evil${n}.example` });
    expect(await sentOf(limits, 200, others)).toMatchObject({ sent: 42 });
  });

  it.each<[string, Referring, number]>([
    ['sixteen for names that may not exist', some, 16],
    ['any number for the domain itself', () => ({ host: own }), 20],
  ])('receive at once %s', async (_what, referring, most) => {
    const limits = new ReferralLimits();
    let [running, end] = [0, () => {}];
    const ended = new Promise<void>((resolve) => (end = resolve));
    const send = () => (running++, ended);
    const all = Array.from({ length: 20 }, (_one, index) => sentOf(limits, 1, () => referring(index), send));
    await new Promise((resolve) => setImmediate(resolve));
    expect(running).toBe(most);
    end();
    await Promise.all(all);
    expect(running).toBe(20);
  });
});
