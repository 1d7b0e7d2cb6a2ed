/** Every piece of work has a deadline, and asks the site about each host. */

import { ConcurrencyLimit } from '../../lib/http/concurrency.js';
import type { RequestContext } from '../../lib/http/context.js';
import { contextOf, httpTo } from '../support/network.js';

const never = () => new Promise<never>(() => undefined);

describe('a deadline', () => {
  const http = httpTo([]);

  it('ends the wait for work that never ends', async () => {
    const context = contextOf(http, { timeoutMs: 20, typed: 'a.example' });
    await expect(context.race(never())).rejects.toMatchObject({ code: 'timeout', instance: 'a.example' });
    await expect(context.race(never(), 'b.example')).rejects.toMatchObject({ instance: 'b.example' });
    expect(context.signal.aborted).toBe(true);
    expect(context.remainingMs).toBe(0);
    const timeout = expect.objectContaining({ code: 'timeout', instance: 'a.example' }) as Error;
    expect(() => context.throwIfOver()).toThrow(timeout);
    await expect(context.race(Promise.resolve(1))).rejects.toMatchObject({ code: 'timeout' });
  });

  it('does not change the result of work that ends in time', async () => {
    const context = contextOf(http);
    expect(await context.race(Promise.resolve(1))).toBe(1);
    await expect(context.race(Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(() => context.throwIfOver()).not.toThrow();
    expect(context.remainingMs).toBeGreaterThan(50_000);
    expect(context).toMatchObject({ isNotNeeded: false, hasHandle: false });
  });

  it('that has passed sets no timer with a negative delay, of which Node.js 24 warns the site', () => {
    const context = contextOf(http);
    context.end();
    const timer = jest.spyOn(globalThis, 'setTimeout');
    context.within(1000);
    const delays = timer.mock.calls.map(([, delay]) => Number(delay));
    timer.mockRestore();
    expect(delays).toEqual([0]);
  });

  it('leaves no rejection without a handler', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const context = contextOf(http);
    let fail: (error: Error) => void = () => undefined;
    const raced = context.race(new Promise((_resolve, reject) => (fail = reject)));
    context.end();
    await expect(raced).rejects.toMatchObject({ code: 'timeout' });
    fail(new Error('later'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('of a part is no later than that of the whole, and ends with it', async () => {
    const context = contextOf(http, { timeoutMs: 1000 });
    const [short, long, ended] = [context.within(10), context.within(60_000), context.within(60_000)];
    expect(long.remainingMs).toBeLessThanOrEqual(1000);
    await expect(short.race(never())).rejects.toMatchObject({ code: 'timeout' });
    ended.end();
    expect(context.signal.aborted).toBe(false);
    context.end();
    expect(long.signal.aborted).toBe(true);
    expect(context.within(60_000).signal.aborted).toBe(true);
    // A deadline is a failure of the server, an end is none.
    expect([short, long, ended].map(({ isNotNeeded }) => isNotNeeded)).toEqual([false, true, true]);
  });

  it('that has passed has passed for its parts too', async () => {
    const context = contextOf(http, { timeoutMs: 20 });
    const part = context.within(60_000);
    await expect(part.race(never())).rejects.toMatchObject({ code: 'timeout' });
    await expect(context.race(never())).rejects.toMatchObject({ code: 'timeout' });
    context.end();
    expect([context.isNotNeeded, part.isNotNeeded]).toEqual([false, false]);
    expect(contextOf(http, { timeoutMs: 0.5 })).toMatchObject({
      signal: { aborted: true },
      isNotNeeded: false,
    });
    expect(contextOf(http, { timeoutMs: 1 }).signal.aborted).toBe(false);
  });

  it('of shared work is separate', () => {
    const context = contextOf(http, { typed: 'a.example' });
    const shared = context.detached();
    context.end();
    expect(shared.signal.aborted).toBe(false);
    expect(shared.remainingMs).toBeLessThanOrEqual(http.settings.outbound.loginTimeoutMs);
    shared.end();
  });
});

describe('work in the background', () => {
  const limit = new ConcurrencyLimit({ inAll: 1, perInstance: 1, waiting: 0 });
  const aLogin = () => contextOf(httpTo([]), { typed: 'a.example', hasHandle: true });

  it('continues after the login, with the same limits', async () => {
    const login = aLogin();
    let own: RequestContext | undefined;
    await login.inBackground(limit, 'a.example', async (work) => {
      own = work;
      login.end();
      expect(work).toMatchObject({ typed: 'a.example', hasHandle: true, hosts: login.hosts });
      expect(work.signal.aborted).toBe(false);
    });
    expect(own?.signal.aborted).toBe(true);
  });

  it('reports its failure, and that of the limit', async () => {
    const login = aLogin();
    const failed: unknown[] = [];
    const fails = (work: () => Promise<void>) =>
      login.inBackground(limit, 'a.example', work, (error) => failed.push(error));
    const broken = new Error('broken');
    await fails(async () => {
      await fails(async () => undefined);
      throw broken;
    });
    expect(failed).toEqual([expect.objectContaining({ code: 'login_busy' }), broken]);
    await login.inBackground(limit, 'a.example', () => Promise.reject(broken));
  });
});

describe('the site', () => {
  it('is asked about each host once', async () => {
    const asked: string[] = [];
    const allowInstance = (host: string) => {
      asked.push(host);
      return host !== 'evil.example';
    };
    const context = contextOf(httpTo([], {}, { allowInstance }));
    for (let turn = 0; turn < 3; turn++) {
      await context.assertAllowed('a.example');
      await context.within(1000).assertAllowed('a.example');
      await expect(context.assertAllowed('evil.example')).rejects.toMatchObject({
        code: 'instance_not_allowed',
        instance: 'evil.example',
      });
    }
    expect(asked).toEqual(['a.example', 'evil.example']);
  });

  it('has until the deadline to answer', async () => {
    const context = contextOf(httpTo([], {}, { allowInstance: never }), { timeoutMs: 20 });
    await expect(context.assertAllowed('a.example')).rejects.toMatchObject({
      code: 'timeout',
      instance: 'a.example',
    });
  });

  it('may throw its own exceptions, which pass unchanged', async () => {
    const failure = new Error('the list of the site is broken');
    const allowInstance = () => {
      throw failure;
    };
    await expect(contextOf(httpTo([], {}, { allowInstance })).assertAllowed('a.example')).rejects.toBe(
      failure,
    );
  });

  it('leads to four hosts in one login at most', async () => {
    const context = contextOf(httpTo([]));
    for (const host of ['a.example', 'b.example', 'c.example', 'd.example', 'a.example']) {
      await context.assertAllowed(host);
    }
    await expect(context.assertAllowed('e.example')).rejects.toMatchObject({
      code: 'instance_unsupported',
      instance: 'e.example',
    });
  });
});
