/** Limits on concurrent work: in total, per instance and per domain. Callers share the same work. */

import { ConcurrencyLimit, type ConcurrencyOptions } from '../../lib/http/concurrency.js';
import { SingleFlight, type RequestContext } from '../../lib/http/context.js';
import { MastodonError } from '../../lib/errors.js';
import { codeOf, contextOf, httpTo } from '../support/network.js';

interface Piece {
  readonly host: string;
  finish(): void;
  fail(): void;
}

/** Waits until all pending callbacks have run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const http = httpTo([]);
const aContext = (timeoutMs = 10_000) => contextOf(http, { timeoutMs });

function set(limits: Partial<ConcurrencyOptions> = {}) {
  const limit = new ConcurrencyLimit({ inAll: 3, perInstance: 2, waiting: 4, ...limits });
  const running: Piece[] = [];
  const begin = (host: string, context: RequestContext = aContext()) => {
    const done = limit.run(
      context,
      host,
      () =>
        new Promise<void>((resolve, reject) => {
          const fail = () => reject(new Error('failed'));
          running.push({ host, finish: resolve, fail });
        }),
    );
    done.catch(() => undefined);
    return done;
  };
  return { begin, running, hosts: () => running.map(({ host }) => host) };
}

it('starts as much work as the limits allow, in all and for one host', async () => {
  const { begin, hosts } = set();
  for (const host of ['a', 'a', 'a', 'b', 'b', 'c']) void begin(host);
  await settled();
  expect(hosts()).toEqual(['a', 'a', 'b']);
});

it('starts the work that has waited longest, unless its host has reached its limit', async () => {
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

it('one host has no more than its limit, also if its domain has more', async () => {
  const { begin, hosts } = set({ inAll: 8, perInstance: 2, perDomain: 4 });
  for (const host of ['a.example.com', 'a.example.com', 'a.example.com', 'b.example.com']) void begin(host);
  await settled();
  expect(hosts()).toEqual(['a.example.com', 'a.example.com', 'b.example.com']);
});

it('has room again after work that succeeded or failed', async () => {
  const { begin, running } = set({ inAll: 1, waiting: 0 });
  for (const end of ['finish', 'fail', 'finish'] as const) {
    const done = begin('a');
    await settled();
    running.at(-1)?.[end]();
    await done.catch(() => undefined);
  }
  expect(running).toHaveLength(3);
});

it('has room again after work that throws before it begins', async () => {
  const limit = new ConcurrencyLimit({ inAll: 1, perInstance: 1, waiting: 0 });
  const broken = () => {
    throw new Error('broken');
  };
  await expect(limit.run(aContext(), 'a', broken)).rejects.toThrow('broken');
  await expect(limit.run(aContext(), 'a', async () => 1)).resolves.toBe(1);
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

it('lets no login wait longer than its deadline, and forgets those that left', async () => {
  const { begin, running, hosts } = set({ inAll: 1, waiting: 1 });
  void begin('a');
  await expect(begin('b', aContext(20))).rejects.toMatchObject({ code: 'login_busy', status: 503 });
  const over = aContext();
  over.end();
  await expect(begin('b', over)).rejects.toMatchObject({ code: 'login_busy' });
  const next = begin('c');
  running[0]?.finish();
  await settled();
  expect(hosts()).toEqual(['a', 'c']);
  running[1]?.finish();
  await next;
});

describe('the owner of one domain, with any number of names', () => {
  const evil = (index: number) => `h${index}.evil.example`;

  it('gets a quarter of the room, and leaves the rest to others', async () => {
    const { begin, hosts } = set({ inAll: 12, perInstance: 1, waiting: 50 });
    for (let index = 0; index < 20; index++) void begin(evil(index));
    for (const host of ['evil.example', 'a.example', 'b.example']) void begin(host);
    await settled();
    expect(hosts()).toEqual([evil(0), evil(1), evil(2), 'a.example', 'b.example']);
  });

  it('gets at least the limit of one instance', async () => {
    const { begin, hosts } = set({ inAll: 3, perInstance: 2 });
    for (let index = 0; index < 4; index++) void begin(evil(index));
    await settled();
    expect(hosts()).toHaveLength(2);
  });

  it('and the owners of three more domains do not get all of it together', async () => {
    const { begin, hosts } = set({ inAll: 64, perInstance: 16, waiting: 1000 });
    for (const domain of ['one', 'two', 'three', 'four']) {
      for (let i = 0; i < 50; i++) void begin(`h${i}.${domain}.example`);
    }
    await settled();
    // The fourth uses one of the reserved quarter.
    expect(hosts()).toHaveLength(49);
    void begin('honest.social');
    await settled();
    expect(hosts().at(-1)).toBe('honest.social');
  });

  it('gets two requests of the last quarter if the limit is 128', async () => {
    const { begin, hosts } = set({ inAll: 128, perInstance: 16, waiting: 1000 });
    for (const domain of ['one', 'two', 'three', 'four']) {
      for (let i = 0; i < 50; i++) void begin(`h${i}.${domain}.example`);
    }
    await settled();
    expect(hosts()).toHaveLength(3 * 32 + 2);
  });

  it('gets one request of the last quarter, which is its first', async () => {
    const { begin, hosts } = set({ inAll: 8, perInstance: 1, waiting: 50 });
    for (const host of ['a.one.com', 'b.one.com', 'a.two.com', 'b.two.com', 'a.three.com']) void begin(host);
    for (const host of ['a.four.com', 'b.four.com', 'a.five.com']) void begin(host);
    await settled();
    expect(hosts().slice(5)).toEqual(['a.four.com', 'a.five.com']);
  });

  it('has all the room if each domain may have it', async () => {
    const { begin, hosts } = set({ inAll: 4, perInstance: 4, perDomain: 4 });
    for (let i = 0; i < 5; i++) void begin(evil(i));
    await settled();
    expect(hosts()).toHaveLength(4);
  });

  it('waits for domains with less running work, however early the names came', async () => {
    const { begin, hosts, running } = set({ inAll: 4, perInstance: 4, perDomain: 3, waiting: 50 });
    for (const host of [evil(0), evil(1), 'a.example', 'b.example', evil(2), evil(3), 'c.example']) {
      void begin(host);
    }
    running[3]?.finish();
    await settled();
    expect(hosts().slice(4)).toEqual(['c.example']);
  });

  it('cannot fill the queue', async () => {
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
});

it('a full queue refuses work of the domain that would then have most in it', async () => {
  const { begin } = set({ inAll: 1, perInstance: 1, waiting: 3 });
  void begin('a.example');
  const refused: string[] = [];
  const wait = (host: string, name = host) => void begin(host).catch(() => refused.push(name));
  wait('b.example', 'first of b');
  wait('b.example', 'second of b');
  wait('c.example');
  wait('c.example', 'second of c');
  // The newest task of the domain with the most tasks is dropped.
  wait('d.example');
  await settled();
  expect(refused).toEqual(['second of c', 'second of b']);
});

describe('a single flight', () => {
  it('shares running work, by key, and begins again afterwards', async () => {
    const flight = new SingleFlight<number>();
    let runs = 0;
    const join = (key: string) => flight.join(key, aContext(), async () => ++runs);
    expect(await Promise.all(['a', 'a', 'b', 'a'].map(join))).toEqual([1, 1, 2, 1]);
    expect(await join('a')).toBe(3);
  });

  it('gives each caller its own error, and does not keep it', async () => {
    const flight = new SingleFlight<number>();
    const broken = async () => {
      throw new MastodonError('timeout', { instance: 'a.example' });
    };
    const join = () => flight.join('a', aContext(), broken).catch((error: unknown) => error);
    const [one, other] = await Promise.all([join(), join()]);
    expect(one).toMatchObject({ code: 'timeout', instance: 'a.example' });
    expect(other).toMatchObject({ code: 'timeout', instance: 'a.example' });
    expect(one).not.toBe(other);
    expect(await flight.join('a', aContext(), async () => 2)).toBe(2);
  });

  it('runs new work after work that threw before its first await', async () => {
    const flight = new SingleFlight<number>();
    const broken = (): Promise<number> => {
      throw new MastodonError('timeout', { instance: 'a.example' });
    };
    await expect(flight.join('a', aContext(), broken)).rejects.toThrow(MastodonError);
    expect(await flight.join('a', aContext(), async () => 1)).toBe(1);
  });

  it('that a limit refused is run again by callers to whom another limit applies', async () => {
    const flight = new SingleFlight<number>();
    let runs = 0;
    const work = async () => {
      if (++runs === 1) throw new MastodonError('login_busy');
      return runs;
    };
    const pending = contextOf(http, { typed: 'a.example' });
    pending.hosts.standing.set('a.example', 'pending');
    const callers = [
      contextOf(http, { typed: 'a.example' }),
      contextOf(http, { typed: 'www.a.example' }),
      contextOf(http, { typed: 'b.example' }),
      contextOf(http, { typed: 'a.example', hasHandle: true }),
      pending,
    ];
    const codes = callers.map((caller) => codeOf(flight.join('a', caller, work)));
    expect(await Promise.all(codes)).toEqual(['login_busy', 'login_busy', undefined, undefined, undefined]);
    expect(runs).toBe(2);
  });

  it('that failed otherwise is not run again', async () => {
    const flight = new SingleFlight<number>();
    const work = jest.fn().mockRejectedValue(new MastodonError('timeout'));
    await Promise.allSettled([1, 2].map(() => flight.join('a', aContext(), work)));
    expect(work).toHaveBeenCalledTimes(1);
    const broken = new Error('broken');
    await expect(flight.join('a', aContext(), () => Promise.reject(broken))).rejects.toBe(broken);
  });

  it('names the running work, so that a caller may wait for it', async () => {
    const flight = new SingleFlight<number>();
    const done = flight.join('a', aContext(), async () => 1);
    expect(flight.joined('b')).toBeUndefined();
    expect(await flight.joined('a')).toBe(1);
    await done;
    expect(flight.joined('a')).toBeUndefined();
  });

  it('continues for the others when one caller’s deadline has passed', async () => {
    const flight = new SingleFlight<string>();
    let end: (result: string) => void = () => undefined;
    let wasOver: boolean | undefined;
    const work = async (shared: RequestContext) => {
      const result = await new Promise<string>((resolve) => (end = resolve));
      wasOver = shared.signal.aborted;
      return result;
    };
    const hurried = flight.join('a', aContext(20), work);
    const patient = flight.join('a', aContext(), work);
    await expect(hurried).rejects.toMatchObject({ code: 'timeout' });
    end('done');
    expect(await patient).toBe('done');
    expect(wasOver).toBe(false);
  });
});
