/** The store fails: no wrong login, no hanging request, and no flood of registrations may follow. */

import { setTimeout as pause } from 'node:timers/promises';
import { MemoryStore } from 'express-session';
import { Keyv } from 'keyv';
import type { KeyValueStore } from '../../lib/options.js';
import { Store } from '../../lib/store.js';
import { BadStore, breakdowns, halves, strangeRecords, type Operation } from '../support/bad-store.js';
import { until } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import { redisAvailable, startRedis, type Redis } from '../support/redis.js';
import { miscountingRedisKeyv, redisKeyv } from '../support/redis-keyv.js';
import type { Site, SiteOptions } from '../support/site.js';
import {
  anInstance,
  anotherProcessOf,
  aSite,
  atProcess,
  comeBack,
  open,
  outcomeOf,
  start,
} from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

interface Scene {
  readonly instance: StandIn;
  readonly site: Site;
  readonly options: SiteOptions;
}

async function stage(store: KeyValueStore, timeoutMs = 5000): Promise<Scene> {
  const instance = await anInstance('mastodon45');
  const options = { instances: [instance], options: { store, outbound: { timeoutMs } } };
  return { instance, options, site: await aSite(options) };
}

async function logIn({ site, instance }: Scene, as = 'alice', visitor = new Visitor()): Promise<string> {
  return outcomeOf(await visitor.login(site, instance.host, { as }));
}

async function begin({ site, instance }: Scene): Promise<string> {
  const page = await start(new Visitor(), site, instance.host);
  return page.location === undefined ? outcomeOf(page) : 'sent away';
}

const attempts = (scene: Scene) => scene.instance.requestsTo('POST /api/v1/apps').length;
/** Exchanges of visitors' codes; invalid codes are offered without a scope. */
const exchanges = (scene: Scene) =>
  scene.instance
    .requestsTo('POST /oauth/token')
    .filter(({ body }) => body['grant_type'] === 'authorization_code' && body['scope'] !== undefined).length;

/** Checks that every error in the error handler tells the operator what to do. */
function expectStoreFailedOnly(site: Site): void {
  for (const error of site.errors) {
    expect(error).toMatchObject({ name: 'MastodonError', code: 'store_failed', status: 503 });
  }
}

/** Everything that a test opened; operations that still wait are released at its end. */
const stores: BadStore[] = [];
function aStore(options?: { shared: boolean }): BadStore {
  const store = new BadStore(options);
  stores.push(store);
  return store;
}
afterEach(() => stores.splice(0).forEach((store) => store.release()));

describe.each(Object.entries(breakdowns))('a store that %s', (how, fault) => {
  const timeoutMs = how === 'never answers' ? 1500 : 5000;
  let store: BadStore;
  let scene: Scene;
  /** A shared store needs a lock, whose settling time most of these tests need not wait for. */
  async function use(shared: boolean): Promise<void> {
    store = aStore({ shared });
    scene = await stage(store, timeoutMs);
  }
  beforeEach(() => use(false));

  it('stops a first login, with an error for the operator and no request to the instance', async () => {
    await use(true);
    store.break(fault);
    expect(await begin(scene)).toBe('store_failed');
    expect(scene.site.errors).toHaveLength(1);
    expectStoreFailedOnly(scene.site);
    expect(attempts(scene)).toBe(0);
    store.heal();
    store.release();
    expect(await logIn(scene)).toBe('alice');
  });

  it('stops a login at a known instance', async () => {
    await logIn(scene);
    store.break(fault);
    expect(await begin(scene)).toBe('store_failed');
    expect(scene.site.errors).toHaveLength(1);
    expect(attempts(scene)).toBe(1);
  });

  it('stops a callback before any request to the instance', async () => {
    const visitor = new Visitor();
    const callback = await comeBack(visitor, scene.site, scene.instance.host);
    const before = exchanges(scene);
    store.break(fault);
    const page = await open(visitor, callback);
    expect([page.status, outcomeOf(page)]).toEqual([500, 'store_failed']);
    expectStoreFailedOnly(scene.site);
    expect(exchanges(scene)).toBe(before);
    expect(scene.site.verified).toEqual([]);
    store.heal();
    store.release();
    expect(await logIn(scene, 'alice', visitor)).toBe('alice');
  });

  it('delays a login once, not at every step', async () => {
    await logIn(scene);
    store.break(fault);
    await begin(scene);
    expect(store.waiting).toBeLessThanOrEqual(2);
  });

  it.each<[string, Operation[]]>([
    ['all of it', ['get', 'set', 'delete']],
    ['reading', ['get']],
    ['writing', ['set']],
    ['deleting', ['delete']],
  ])('does not make the site register at every login (%s)', async (_what, operations) => {
    await use(true);
    store.break(fault, operations);
    for (let n = 0; n < 6; n += 1) await begin(scene);
    await Promise.all(Array.from({ length: 6 }, () => begin(scene)));
    expect(attempts(scene)).toBeLessThanOrEqual(1);
  });

  it('does not make another process register again', async () => {
    await use(true);
    await logIn(scene);
    const site = await anotherProcessOf(scene.site, scene.options);
    store.break(fault);
    for (let n = 0; n < 4; n += 1) await begin({ ...scene, site });
    expect(attempts(scene)).toBe(1);
  });

  it.each(['cold', 'warm'])('logs no visitor in wrongly, whenever it begins to fail (%s)', async (state) => {
    await logIn(scene);
    const outcomes = new Set<string>();
    let untouched = false;
    // With long waits only some operations are tried; the step is odd, so that both users occur.
    const step = how === 'never answers' ? 5 : 1;
    for (let operations = 0; !untouched; operations += step) {
      if (state === 'cold') store.empty();
      const as = operations % 2 === 0 ? 'alice' : 'bob';
      const visitor = new Visitor();
      scene.site.verified.length = 0;
      store.breakAfter(operations, fault);
      const limit = store.calls + operations;
      const end = await logIn(scene, as, visitor);
      untouched = store.calls <= limit;
      outcomes.add(end === as ? 'logged in' : end);
      for (const { username } of scene.site.verified) expect(username).toBe(as);
      const me = await visitor.get(`${scene.site.origin}/me`);
      expect(me.json().user?.username).toBe(end === as ? as : undefined);
      store.heal();
      store.release();
    }
    expect(outcomes).toContain('logged in');
    expect(outcomes).toContain('store_failed');
    // Such a short timeout may also be too short for the instance on a busy machine.
    const others = how === 'never answers' ? ['timeout', 'instance_unreachable'] : [];
    const expected = ['logged in', 'store_failed', ...others];
    for (const outcome of outcomes) expect(expected).toContain(outcome);
    expectStoreFailedOnly(scene.site);
    expect(await logIn(scene, 'bob')).toBe('bob');
  });
});

describe('a Keyv around an adapter that fails', () => {
  it.each<Operation>(['get', 'set', 'delete'])('hides no failed %s from the login', async (operation) => {
    const store = aStore();
    const scene = await stage(new Keyv({ store }));
    const visitor = new Visitor();
    const callback = await comeBack(visitor, scene.site, scene.instance.host);
    store.break(() => Promise.reject(new Error('of the adapter')), [operation]);
    const end = operation === 'set' ? await begin(scene) : outcomeOf(await open(visitor, callback));
    expect(end).toBe('store_failed');
    expect(scene.site.verified).toEqual([]);
    expect(attempts(scene)).toBe(1);
  });
});

describe('a store that is slow', () => {
  it('does not undo that one process registers for all', async () => {
    const store = aStore();
    const scene = await stage(store);
    // Slower than the settling time of a lock.
    store.break((real) => new Promise((resolve) => setTimeout(() => resolve(real()), 150)), ['get']);
    const others = await Promise.all([1, 2, 3].map(() => anotherProcessOf(scene.site, scene.options)));
    const sites = [scene.site, ...others];
    const begun = await Promise.all(sites.map((site) => begin({ ...scene, site })));
    expect(begun).toEqual(sites.map(() => 'sent away'));
    expect(attempts(scene)).toBe(1);
  });
});

describe('two processes that find no lock at the same moment', () => {
  it('do the work once, however long their writes take', async () => {
    const [slow, slower] = [aStore(), aStore()];
    const records = slow.inner.records;
    Object.assign(slower.inner, { records });
    slow.break(
      async (real) => {
        await pause(300);
        return real();
      },
      ['set'],
    );
    // The slower process reads before the other one writes, and writes after it.
    slower.break(
      async (real) => {
        await until(() => records.has('lock:lock'));
        await pause(250);
        return real();
      },
      ['set'],
    );
    let result: string | undefined;
    let times = 0;
    const work = async () => {
      times += 1;
      await pause(1500);
      return (result = 'done');
    };
    const both = [slower, slow].map((store) =>
      new Store(store, 5000).withLock('lock', 5000, work, async () => result),
    );
    expect(await Promise.all(both)).toEqual(['done', 'done']);
    expect(times).toBe(1);
  });
});

describe('a store that loses', () => {
  it('every write stops the login at its start', async () => {
    const store = aStore();
    const scene = await stage(store);
    store.break(() => true, ['set']);
    for (let n = 0; n < 3; n += 1) expect(await begin(scene)).toBe('store_failed');
    expect(attempts(scene)).toBe(0);
  });

  it.each(['before a login', 'while the visitor is away'])(
    'everything %s costs that login at most',
    async (when) => {
      const store = aStore();
      const scene = await stage(store);
      const visitor = new Visitor();
      await logIn(scene, 'alice', visitor);
      if (when === 'before a login') {
        store.empty();
        expect(await logIn(scene, 'bob')).toBe('bob');
      } else {
        const callback = await comeBack(visitor, scene.site, scene.instance.host);
        store.empty();
        expect(outcomeOf(await open(visitor, callback))).toBe('login_expired');
        expect(await logIn(scene, 'alice', visitor)).toBe('alice');
      }
      expect(attempts(scene)).toBe(2);
      expect(scene.site.errors).toEqual([]);
    },
  );
});

describe('a store with an invalid record', () => {
  let store: BadStore;
  let scene: Scene;
  beforeEach(async () => {
    store = aStore({ shared: false });
    scene = await stage(store);
    expect(await logIn(scene)).toBe('alice');
  });

  /** The possible states of a damaged record of this kind. */
  const ruins = (record: Record<string, unknown>) => [...Object.values(strangeRecords), ...halves(record)];

  it.each(['instance', 'client'])('in place of the discovery of an %s looks it up again', async (kind) => {
    const keys = store.keysOf(kind);
    expect(keys.length).toBeGreaterThan(0);
    for (const ruin of ruins(store.record(keys[0] ?? ''))) {
      for (const key of keys) store.put(key, ruin);
      expect(await logIn(scene, 'bob')).toBe('bob');
    }
    expect(scene.site.errors).toEqual([]);
  });

  it.each(['verdict', 'unfinished'])('in place of a %s ignores it', async (kind) => {
    for (const ruin of Object.values(strangeRecords)) {
      const visitor = new Visitor();
      await start(visitor, scene.site, scene.instance.host);
      for (const key of [
        ...store.keysOf(kind),
        `passport-mastodon-oauth2:2:${kind}:${scene.instance.host}`,
      ]) {
        store.put(key, ruin);
      }
      expect(await logIn(scene, 'bob', visitor)).toBe('bob');
    }
    expect(scene.site.errors).toEqual([]);
  });

  // Records that lack a part: test/login/transactions.
  it('in place of a pending login logs no user in, and sends the instance no request', async () => {
    scene.site.verified.length = 0;
    const before = exchanges(scene);
    for (const ruin of Object.values(strangeRecords)) {
      const visitor = new Visitor();
      const callback = await comeBack(visitor, scene.site, scene.instance.host);
      for (const key of store.keysOf('login')) store.put(key, ruin);
      expect(['login_expired', 'store_failed']).toContain(outcomeOf(await open(visitor, callback)));
      for (const key of store.keysOf('login')) await store.inner.delete(key);
    }
    expect(scene.site.verified).toEqual([]);
    expectStoreFailedOnly(scene.site);
    expect(exchanges(scene)).toBe(before);
  });

  describe('if another process answers', () => {
    const session = { store: new MemoryStore().setMaxListeners(0) };

    /**
     * Begins a login in `first`, damages records, finishes it in a process without memory of it, and restores the
     * records.
     */
    async function endInAnotherProcess(first: Site, ruin: () => void): Promise<string> {
      const visitor = new Visitor();
      const callback = await comeBack(visitor, first, scene.instance.host);
      const second = await anotherProcessOf(first, { ...scene.options, session });
      const kept = new Map(store.inner.records);
      ruin();
      const end = await open(visitor, atProcess(second, visitor, callback));
      for (const [key, record] of kept) store.inner.records.set(key, record);
      await second.close();
      return outcomeOf(end);
    }

    it('in place of the credentials of a pending login asks the visitor to begin again', async () => {
      const first = await aSite({ ...scene.options, session });
      const [credentials = ''] = store.keysOf('credentials');
      for (const ruin of [undefined, ...ruins(store.record(credentials))]) {
        const end = await endInAnotherProcess(first, () => {
          if (ruin === undefined) return;
          for (const kind of ['client', 'credentials'])
            for (const key of store.keysOf(kind)) store.put(key, ruin);
        });
        expect(['login_restart', 'store_failed', ...(isUsable(ruin) ? ['alice'] : [])]).toContain(end);
      }
      expectStoreFailedOnly(scene.site);
    });

    it('in place of the current credentials does not affect those of a pending login', async () => {
      const first = await aSite({ ...scene.options, session });
      await logIn({ ...scene, site: first });
      const current = store.keysOf('client').filter((key) => key.split(':').length === 6);
      expect(current).toHaveLength(2);
      const other = { clientId: 'another', clientSecret: 'of another', used: true };
      for (const ruin of [undefined, 'a text', other]) {
        const end = await endInAnotherProcess(first, () => {
          for (const key of current)
            store.put(key, ruin === other ? { ...store.record(key), ...other } : ruin);
        });
        expect(end).toBe('alice');
      }
    });
  });

  /** Whether the rest of a client record is enough to use the client; whether it was used before does not matter. */
  function isUsable(ruin: unknown): boolean {
    const { clientId, clientSecret } = (ruin ?? { clientId: '', clientSecret: '' }) as Record<
      string,
      unknown
    >;
    return [clientId, clientSecret].every((value) => typeof value === 'string');
  }
});

const missing = redisAvailable();
const withRedis = missing === undefined ? describe : describe.skip;

withRedis(`a real Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis.stop());

  it.each<[string, typeof redisKeyv, number, keyof Outcomes, string[]]>([
    [
      'that restarts empty under load costs the logins of that moment, and no more',
      redisKeyv,
      3000,
      'logins',
      [],
    ],
    [
      'whose client then assigns responses to the wrong requests logs no visitor in as another user',
      miscountingRedisKeyv,
      500,
      'all',
      // Such a short timeout may also be too short for the instance.
      ['timeout', 'instance_unreachable'],
    ],
  ])('%s', async (_what, openKeyv, timeoutMs, counted, others) => {
    const { keyv, close } = openKeyv(redis.url);
    try {
      await restartUnderLoad(await stage(keyv, timeoutMs), counted, others);
    } finally {
      await close();
    }
  });

  type Outcomes = { logins: number; all: number };

  /** Eight visitors log in again and again, as two people, until more than forty are counted after the restart. */
  async function restartUnderLoad(
    scene: Scene,
    counted: keyof Outcomes,
    others: readonly string[],
  ): Promise<void> {
    expect(await logIn(scene)).toBe('alice');
    const outcomes: Outcomes = { logins: 0, all: 0 };
    const refusals = new Set<string>();
    let isOver = false;
    const visitors = Array.from({ length: 8 }, async (_, n) => {
      const as = n % 2 === 0 ? 'alice' : 'bob';
      while (!isOver) {
        const how = await logIn(scene, as);
        if (how === 'alice' || how === 'bob') expect(how).toBe(as);
        outcomes.all += 1;
        if (how === as) outcomes.logins += 1;
        else refusals.add(how);
      }
    });
    try {
      await until(() => outcomes.logins > 8, 25_000);
      await redis.restart();
      const before = outcomes[counted];
      await until(() => outcomes[counted] > before + 40, 25_000);
    } finally {
      isOver = true;
      await Promise.all(visitors);
    }
    // The token of a failed login is revoked, and Mastodon gives all pending logins of a user the same one.
    const known = ['store_failed', 'login_expired', 'login_restart', 'account_unusable', ...others];
    for (const how of refusals) expect(known).toContain(how);
    expectStoreFailedOnly(scene.site);
    expect(attempts(scene)).toBeLessThanOrEqual(3);
  }

  it('that is down when a process starts is waited for, and used when it is there', async () => {
    await redis.stop();
    const { keyv, close } = redisKeyv(redis.url);
    const scene = await stage(keyv, 1000);
    try {
      expect(await begin(scene)).toBe('store_failed');
      await redis.restart();
      let how = '';
      void (async () => {
        // Without a store each attempt sends new requests to the instance, at most 120 a minute.
        for (; how !== 'alice'; await new Promise((resolve) => setTimeout(resolve, 300)))
          how = await logIn(scene);
      })();
      await until(() => how === 'alice', 10_000);
      expect(attempts(scene)).toBe(1);
    } finally {
      await close();
    }
  });
});
