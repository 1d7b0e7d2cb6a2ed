/** Many processes of one site on one Redis: each can finish a login that another began. */

import { createClient, type RedisClientType } from '@redis/client';
import { startInstance, type StandIn } from './support/instance.js';
import { redisAvailable, startRedis, type Redis } from './support/redis.js';
import { keyvOnRedis } from './stores/openers.js';
import { at, shareCookies, startProcess, type SiteProcess } from './support/site-processes.js';
import { until } from './support/hostile.js';
import { Visitor, type Page } from './support/visitor.js';

const missing = redisAvailable();
const withRedis = missing === undefined ? describe : describe.skip;

/** What Mastodon accepts from one address in ten minutes. */
const mastodonAllows = 5;

interface Begun {
  readonly visitor: Visitor;
  readonly page: Page;
}

withRedis(`processes of one site${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let redis: Redis;
  let instance: StandIn;
  let processes: SiteProcess[];
  beforeEach(async () => {
    redis = await startRedis();
    instance = await startInstance('mastodon45', { throttle: true });
  });
  afterEach(async () => {
    await Promise.all(processes.map((one) => one.kill()));
    await Promise.all([redis.stop(), instance.close()]);
  });

  async function start(count: number): Promise<void> {
    const settings = { store: keyvOnRedis(redis.url), instances: [instance] };
    processes = await Promise.all(Array.from({ length: count }, () => startProcess(settings)));
  }

  function begin(process: SiteProcess, visitor = shareCookies(new Visitor(), processes)): Promise<Begun> {
    return visitor
      .post(`${process.origin}/auth/mastodon`, { instance: instance.host })
      .then((page) => ({ visitor, page }));
  }

  /** Signs in and consents at the instance without its pages, of which a thousand logins would need thousands. */
  function consent(page: Page, username: string): string {
    const asked = new URL(page.location ?? '').searchParams;
    const app = instance.apps.get(asked.get('client_id') ?? '');
    if (!app) throw new Error('the instance does not know the client');
    const code = instance.secret();
    instance.codes.set(code, {
      code,
      clientId: app.clientId,
      redirectURI: asked.get('redirect_uri') ?? '',
      username,
      scopes: (asked.get('scope') ?? '').split(' '),
      challenge: asked.get('code_challenge') ?? undefined,
      at: instance.now(),
      used: false,
    });
    return `${asked.get('redirect_uri')}?${new URLSearchParams({ code, state: asked.get('state') ?? '' })}`;
  }

  it('register one client for eight hundred first visitors, and any process can log each of them in', async () => {
    await start(8);
    const begun = await Promise.all(
      processes.flatMap((process) => Array.from({ length: 100 }, () => begin(process))),
    );
    expect(begun.filter(({ page }) => page.location === undefined).map(({ page }) => page.text)).toEqual([]);

    const finished = await Promise.all(
      begun.map(async ({ visitor, page }, index) => {
        const elsewhere = processes[(index + 1 + (index % 7)) % processes.length] as SiteProcess;
        const username = index % 2 === 0 ? 'alice' : 'bob';
        const callback = at(elsewhere, consent(page, username));
        const end = await visitor.follow(await visitor.get(callback));
        return end.status === 200 && end.json().user.username === username ? 'in' : end.text;
      }),
    );
    expect(finished.filter((how) => how !== 'in')).toEqual([]);
    expect(instance.requestsTo('POST /api/v1/apps').length).toBeLessThanOrEqual(mastodonAllows);
    // If the lock stayed, every start would be delayed after the instance forgot the site.
    await inRedis(redis, async (client) => expect(await client.keys('*:lock')).toEqual([]));
    // Eight processes and their visitors share a machine that may be busy.
  }, 60_000);

  it('continue when the one that registers is killed', async () => {
    await start(3);
    const [first, ...others] = processes as [SiteProcess, ...SiteProcess[]];
    // The instance accepts the registration, and its response never arrives.
    instance.answer('POST /api/v1/apps', () => undefined, { once: true });
    const lost = begin(first).catch(() => 'lost');
    await until(() => instance.requestsTo('POST /api/v1/apps').length === 1);
    const waiting = others.map((process) => begin(process));
    await first.kill();
    expect(await lost).toBe('lost');
    await expireLocks(redis);

    for (const { visitor, page } of await Promise.all(waiting)) {
      const end = await visitor.get(at(others[0] as SiteProcess, consent(page, 'alice')));
      expect(end.location).toMatch(/\/me$/);
    }
    expect(instance.registrations).toBe(1);
  }, 60_000);
});

/** A lock expires within half a minute. This removes it at once. */
async function expireLocks(redis: Redis): Promise<void> {
  await inRedis(redis, async (client) => {
    const locks = await client.keys('*:lock');
    expect(locks).toHaveLength(1);
    for (const lock of locks) {
      const left = await client.pTTL(lock);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(30_000);
      await client.pExpire(lock, 1);
    }
  });
}

async function inRedis(redis: Redis, work: (client: RedisClientType) => Promise<void>): Promise<void> {
  const client: RedisClientType = createClient({ url: redis.url });
  await client.connect();
  try {
    await work(client);
  } finally {
    client.destroy();
  }
}
