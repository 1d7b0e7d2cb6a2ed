/** Work under way is bounded in all, for one instance, and for one domain. */

import { Budget } from '../../lib/http/budget.js';
import { domainOf } from '../../lib/http/domain.js';
import { Gate, type GateLimits } from '../../lib/http/gate.js';
import { SingleFlight } from '../../lib/http/single-flight.js';

interface Piece {
  readonly host: string;
  finish(): void;
  fail(): void;
}

/** Everything that is ready has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Ends all work, so that nobody is left waiting with a timer. */
let endAll: () => Promise<unknown> = async () => undefined;
afterEach(() => endAll());

function set(limits: Partial<GateLimits> = {}) {
  const gate = new Gate({ inAll: 3, perInstance: 2, waiting: 4, waitMs: 10_000, ...limits });
  const running: Piece[] = [];
  const begun: Promise<unknown>[] = [];
  endAll = async () => {
    for (let left = begun.length; left > 0; left--) {
      for (const piece of running) piece.finish();
      await settled();
    }
    await Promise.allSettled(begun);
  };
  const begin = (host: string, budget?: Budget) => {
    const done = gate.run(
      host,
      () =>
        new Promise<void>((resolve, reject) => {
          const fail = () => reject(new Error('failed'));
          running.push({ host, finish: resolve, fail });
        }),
      budget,
    );
    done.catch(() => undefined);
    begun.push(done);
    return done;
  };
  return { begin, running, hosts: () => running.map(({ host }) => host) };
}

it('lets in as much as there is room for, in all and for one host', async () => {
  const { begin, hosts } = set();
  for (const host of ['a', 'a', 'a', 'b', 'b', 'c']) void begin(host);
  await settled();
  expect(hosts()).toEqual(['a', 'a', 'b']);
});

it('lets in who waited longest, unless that host has its share', async () => {
  const { begin, hosts, running } = set();
  for (const host of ['a', 'a', 'b', 'a', 'c']) void begin(host);
  await settled();
  running[2]?.finish();
  await settled();
  expect(hosts()).toEqual(['a', 'a', 'b', 'c']);
  running[0]?.fail();
  await settled();
  expect(hosts()).toEqual(['a', 'a', 'b', 'c', 'a']);
});

it('gives places back, whether the work ends well or badly', async () => {
  const { begin, running } = set({ inAll: 1, waiting: 0 });
  for (const end of ['finish', 'fail', 'finish'] as const) {
    const done = begin('a');
    await settled();
    running.at(-1)?.[end]();
    await done.catch(() => undefined);
  }
  expect(running).toHaveLength(3);
});

it('gives a place back when the work throws before it begins', async () => {
  const gate = new Gate({ inAll: 1, perInstance: 1, waiting: 0, waitMs: 1000 });
  const broken = () => {
    throw new Error('broken');
  };
  await expect(gate.run('a', broken)).rejects.toThrow('broken');
  await expect(gate.run('a', async () => 1)).resolves.toBe(1);
});

it('refuses at once when too many wait', async () => {
  const { begin } = set({ waiting: 1 });
  for (const host of ['a', 'b', 'c', 'd']) void begin(host);
  await expect(begin('e')).rejects.toMatchObject({
    code: 'login_busy',
    status: 503,
    instance: 'e',
  });
});

it('lets nobody wait longer than said, and forgets who left', async () => {
  const { begin, running, hosts } = set({ inAll: 1, waiting: 1, waitMs: 20 });
  void begin('a');
  await expect(begin('b')).rejects.toMatchObject({ code: 'login_busy', status: 503 });
  const next = begin('c');
  running[0]?.finish();
  await settled();
  expect(hosts()).toEqual(['a', 'c']);
  running[1]?.finish();
  await next;
});

it('lets nobody wait longer than the budget of that login allows', async () => {
  const { begin, running, hosts } = set({ inAll: 1 });
  void begin('a');
  await expect(begin('b', new Budget(20))).rejects.toMatchObject({ code: 'login_busy' });
  const patient = begin('c', new Budget(10_000));
  running[0]?.finish();
  await settled();
  expect(hosts()).toEqual(['a', 'c']);
  running[1]?.finish();
  await patient;
});

describe('the owner of one domain, with any number of names', () => {
  const evil = (index: number) => `h${index}.evil.example`;

  it('gets a quarter of all places, and leaves the others to everybody else', async () => {
    const { begin, hosts } = set({ inAll: 12, perInstance: 1, waiting: 50 });
    for (let index = 0; index < 20; index++) void begin(evil(index));
    for (const host of ['evil.example', 'a.example', 'b.example']) void begin(host);
    await settled();
    expect(hosts()).toEqual([evil(0), evil(1), evil(2), 'a.example', 'b.example']);
  });

  it('gets as many as one instance may have, at least', async () => {
    const { begin, hosts } = set({ inAll: 3, perInstance: 2 });
    for (let index = 0; index < 4; index++) void begin(evil(index));
    await settled();
    expect(hosts()).toHaveLength(2);
  });

  it('and four domains together do not get all: some are left for who has none yet', async () => {
    const { begin, hosts } = set({ inAll: 64, perInstance: 16, waiting: 1000 });
    for (const domain of ['one', 'two', 'three', 'four']) {
      for (let i = 0; i < 50; i++) void begin(`h${i}.${domain}.example`);
    }
    await settled();
    // The fourth has one of the spare places.
    expect(hosts()).toHaveLength(49);
    void begin('honest.social');
    await settled();
    expect(hosts().at(-1)).toBe('honest.social');
  });

  it('is let in after who has less under way, however early the names came', async () => {
    const { begin, hosts, running } = set({ inAll: 4, perInstance: 4, perDomain: 3, waiting: 50 });
    for (const host of [evil(0), evil(1), 'a.example', 'b.example', evil(2), evil(3), 'c.example']) {
      void begin(host);
    }
    running[3]?.finish();
    await settled();
    expect(hosts().slice(4)).toEqual(['c.example']);
  });

  it('gives up a place in a full queue to somebody else', async () => {
    const { begin, hosts, running } = set({ inAll: 1, perInstance: 1, waiting: 3 });
    void begin('a.example');
    const waiting = [0, 1, 2].map((index) => begin(evil(index)));
    void begin('honest.example');
    await expect(waiting[2]).rejects.toMatchObject({ code: 'login_busy' });
    await expect(begin(evil(3))).rejects.toMatchObject({ code: 'login_busy' });
    for (let turn = 0; turn < 4; turn++) {
      running[turn]?.finish();
      await settled();
    }
    expect(hosts()).toEqual(['a.example', evil(0), evil(1), 'honest.example']);
  });

  it.each([
    ['evil.example', 'evil.example'],
    ['a.b.evil.example', 'evil.example'],
    ['a.evil.co.uk', 'evil.co.uk'],
    ['evil.co.uk', 'evil.co.uk'],
    ['a.b.c.evil.com.au', 'evil.com.au'],
    ['a.evil.me', 'evil.me'],
    ['com.evil.com', 'evil.com'],
    ['name.duckdns.org', 'duckdns.org'],
    ['a.evil.example:8443', 'evil.example'],
    ['localhost:4000', 'localhost:4000'],
    ['127.0.0.1:4000', '127.0.0.1:4000'],
  ])('%s belongs to %s', (host, domain) => {
    expect(domainOf(host)).toBe(domain);
  });
});

describe('a single flight', () => {
  it('shares work that is under way, by key, and begins anew afterwards', async () => {
    const flight = new SingleFlight<number>();
    let runs = 0;
    const work = async () => ++runs;
    expect(await Promise.all(['a', 'a', 'b', 'a'].map((key) => flight.run(key, work)))).toEqual([1, 1, 2, 1]);
    expect(await flight.run('a', work)).toBe(3);
  });

  it('shares a failure, and does not remember it', async () => {
    const flight = new SingleFlight<number>();
    const broken = () => {
      throw new Error('broken');
    };
    const results = await Promise.allSettled([flight.run('a', broken), flight.run('a', async () => 1)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await flight.run('a', async () => 2)).toBe(2);
  });
});
