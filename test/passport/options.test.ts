/** The options of the strategy and of `passport.authenticate`, as a site and its visitors meet them. */

import type { Request } from 'express';
import type { IncomingMessage } from 'node:http';
import type { LoginTransaction as Transaction } from '../../lib/index.js';
import type { StateStore } from '../../lib/passport/options.js';
import { aSite, aSplitPair, aStage, anInstance, comeBack, leave, open, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';
import { randomToken } from '../../lib/login/browser.js';

const query = (away: string) => new URL(away).searchParams;

describe('allowInstance', () => {
  it.each<[string, (host: string) => boolean | Promise<boolean>]>([
    ['false', () => false],
    ['a promise of false', async () => false],
  ])('%s: the visitor gets a message, and no request is sent', async (_what, allowInstance) => {
    const { instance, site, visitor } = await aStage('mastodon45', { options: { allowInstance } });
    const page = await start(visitor, site, instance.host);
    expect([page.status, page.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'instance_not_allowed', instance: instance.host }),
    ]);
    expect(instance.requests).toEqual([]);
  });

  it('receives the host in one spelling, however it was typed', async () => {
    const asked: string[] = [];
    const allowInstance = (host: string) => asked.push(host) > 0;
    const { instance, site, visitor } = await aStage('mastodon45', { options: { allowInstance } });
    await leave(visitor, site, `https://${instance.host.toUpperCase()}/@alice`);
    expect(new Set(asked)).toEqual(new Set([instance.host]));
  });

  it('is called for the server behind a redirect', async () => {
    const [front, behind] = [await anInstance(), await anInstance()];
    front.answerWith('/api/v1/instance', 301, '', { Location: `${behind.origin}/api/v1/instance` });
    const site = await aSite({
      instances: [front, behind],
      options: { allowInstance: (host) => host !== behind.host },
    });
    for (let i = 0; i < 2; i++) {
      expect((await start(new Visitor(), site, front.host)).json()).toMatchObject({
        code: 'instance_not_allowed',
        instance: behind.host,
      });
    }
    expect(behind.registrations).toBe(0);
  });

  it('is called for the server behind a handle', async () => {
    const { accountDomain, webHost } = await aSplitPair();
    const site = await aSite({
      instances: [accountDomain, webHost],
      options: { allowInstance: (host) => host !== webHost.host },
    });
    const page = await start(new Visitor(), site, `@alice@${accountDomain.host}`);
    expect(page.json().code).toBe('instance_not_allowed');
    expect(webHost.registrations).toBe(0);
  });

  it('that throws is reported to the operator, not to the visitor', async () => {
    const mine = new Error('no list');
    const allowInstance = () => Promise.reject(mine);
    const { instance, site, visitor } = await aStage('mastodon45', { options: { allowInstance } });
    expect((await start(visitor, site, instance.host)).status).toBe(500);
    expect(site.errors).toEqual([mine]);
    expect(instance.requests).toEqual([]);
  });
});

describe('options of passport.authenticate', () => {
  it('forceLogin and lang go to the instance', async () => {
    const { instance, site, visitor } = await aStage('mastodon45', {
      authenticate: { forceLogin: true, lang: 'de' },
    });
    const params = query(await leave(visitor, site, instance.host));
    expect([params.get('force_login'), params.get('lang')]).toEqual(['true', 'de']);
  });

  it.each([
    ['mastodon45', null],
    ['gotosocial', null],
    ['pleroma', 'true'],
    ['akkoma', 'true'],
  ] as const)('without forceLogin, %s gets force_login=%s', async (family, forced) => {
    const { instance, site, visitor } = await aStage(family);
    expect(query(await leave(visitor, site, instance.host)).get('force_login')).toBe(forced);
  });

  it('instance overrides the typed text', async () => {
    const [one, two] = [await anInstance(), await anInstance()];
    const site = await aSite({ instances: [one, two], authenticate: { instance: two.host } });
    expect(new URL(await leave(new Visitor(), site, one.host)).origin).toBe(two.origin);
  });

  it.each([['a text'], [7], [false], [null], [['a', { b: 1 }]], [{ returnTo: '/cart?x=1#y' }]])(
    'state %j comes back as info.state, and does not leave the site',
    async (state) => {
      const { instance, site, visitor } = await aStage('mastodon45', { authenticate: { state } });
      const away = await leave(visitor, site, instance.host);
      expect(query(away).get('state')).toMatch(/^[\w-]{43}$/);
      const page = await open(visitor, await visitor.approve(away));
      expect(page.json().authInfo).toEqual({ state });
    },
  );

  it('each of several pending logins gets its own state back', async () => {
    const authenticate = (req: Request) => ({ state: req.body.mine as string });
    const { instance, site, visitor } = await aStage('mastodon45', { authenticate, keepSessionInfo: true });
    const begin = async (mine: string) =>
      (await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host, mine })).location ?? '';
    const [one, two] = [await begin('one'), await begin('two')];
    expect((await open(visitor, await visitor.approve(two))).json().authInfo).toEqual({ state: 'two' });
    expect((await open(visitor, await visitor.approve(one))).json().authInfo).toEqual({ state: 'one' });
  });
});

it('instanceField names the field, in the body or in the query', async () => {
  const { instance, site } = await aStage('mastodon45', { options: { instanceField: 'server' } });
  const url = `${site.origin}/auth/mastodon`;
  for (const page of [
    await new Visitor().post(url, { server: instance.host }),
    await new Visitor().get(`${url}?server=${instance.host}`),
  ]) {
    expect(page.status).toBe(302);
  }
  expect((await start(new Visitor(), site, instance.host)).json().code).toBe('instance_missing');
});

describe('revokeToken', () => {
  const revoked = (instance: Awaited<ReturnType<typeof anInstance>>) =>
    new Promise<Record<string, string>>((resolve) => {
      instance.answer('/oauth/revoke', (_req, res, { body }) => {
        res.writeHead(500).end();
        resolve(body);
      });
    });

  it('revokes the token after the login, and a failure of that does not fail the login', async () => {
    const { instance, site, visitor } = await aStage('mastodon45', { options: { revokeToken: true } });
    const revocation = revoked(instance);
    expect((await visitor.login(site, instance.host)).status).toBe(200);
    expect([...instance.tokens.keys()]).toEqual([(await revocation)['token']]);
    expect(site.errors).toEqual([]);
  });

  it('also when the application refuses the login', async () => {
    const verify = async (_token: string) => false;
    const { instance, site, visitor } = await aStage('mastodon45', {
      options: { revokeToken: true },
      verify,
    });
    const revocation = revoked(instance);
    await visitor.login(site, instance.host);
    expect((await revocation)['token']).toBeDefined();
  });

  it('does nothing at Friendica, which would revoke all tokens of the user', async () => {
    const { instance, site, visitor } = await aStage('friendica', { options: { revokeToken: true } });
    await visitor.login(site, instance.host);
    await visitor.login(site, instance.host);
    expect(instance.requestsTo('/oauth/revoke')).toEqual([]);
  });

  it('is off by default', async () => {
    const { instance, site, visitor } = await aStage();
    await visitor.login(site, instance.host);
    await visitor.login(site, instance.host);
    expect(instance.requestsTo('/oauth/revoke')).toEqual([]);
  });
});

describe('stateStore', () => {
  it('may change the object that it receives; the state comes back unchanged; it learns of the finished login, and failures of its optional methods end no login', async () => {
    const begun = new Map<string, Transaction>();
    const finished: string[] = [];
    const stateStore: StateStore = {
      save: async (_req, state, login) => {
        const { instance } = login as unknown as { instance: object };
        Object.assign(instance, { note: 1 });
        begun.set(state, Object.assign(login, { note: 1 }));
      },
      take: async (_req, state) => {
        const login = begun.get(state);
        begun.delete(state);
        return login;
      },
      hasUnfinished: () => Promise.reject(new Error('the database is down')),
      finished: async (_req, host) => {
        finished.push(host);
        throw new Error('the database is down');
      },
    };
    const given = { to: '/cart' };
    const { instance, site, visitor } = await aStage('mastodon45', {
      options: { stateStore },
      authenticate: { state: given },
    });
    const page = await open(visitor, await comeBack(visitor, site, instance.host));
    expect(page.status).toBe(200);
    expect(Object.isFrozen(given)).toBe(false);
    expect(finished).toEqual([instance.host]);
  });

  /** For a site that recognises browsers by a header. */
  class HeaderStore implements StateStore {
    readonly logins = new Map<string, Transaction>();
    async save(req: IncomingMessage, state: string, login: Transaction): Promise<void> {
      this.logins.set(
        `${String(req.headers['x-browser'])} ${state}`,
        JSON.parse(JSON.stringify(login)) as Transaction,
      );
    }
    async take(req: IncomingMessage, state: string): Promise<Transaction | undefined> {
      const key = `${String(req.headers['x-browser'])} ${state}`;
      const login = this.logins.get(key);
      this.logins.delete(key);
      return login;
    }
  }
  const alice = { 'x-browser': 'alice' };

  /** A login that alice's browser began, at a site without sessions. */
  async function aLoginOfAlice() {
    const stateStore = new HeaderStore();
    const options = { stateStore };
    const { instance, site, visitor } = await aStage('mastodon45', { options, session: false });
    const begun = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host }, alice);
    return { stateStore, visitor, callback: await visitor.approve(begun.location ?? '') };
  }

  it('replaces the session', async () => {
    const { visitor, callback } = await aLoginOfAlice();
    expect((await visitor.get(callback, { 'x-browser': 'mallory' })).json().code).toBe('login_expired');
    expect((await visitor.get(callback, alice)).json().user.username).toBe('alice');
    expect((await visitor.get(callback, alice)).json().code).toBe('login_expired');
  });

  it('may keep a login for too long: the login expires nevertheless', async () => {
    const { stateStore, visitor, callback } = await aLoginOfAlice();
    for (const [key, login] of stateStore.logins)
      stateStore.logins.set(key, { ...login, expiresAt: Date.now() });
    expect((await visitor.get(callback, alice)).json().code).toBe('login_expired');
  });

  it.each([null, 7, 'x', {}, { expiresAt: Infinity }, []])(
    'that answers %j has no such login',
    async (rubbish) => {
      const stateStore = {
        save: async () => undefined,
        take: async () => rubbish as unknown as Transaction,
      };
      const { instance, site, visitor } = await aStage('mastodon45', { options: { stateStore } });
      const callback = await comeBack(visitor, site, instance.host);
      expect((await open(visitor, callback)).json().code).toBe('login_expired');
    },
  );

  it('whose error quotes the record does not put it into the log', async () => {
    const events: unknown[] = [];
    const save = async (_req: unknown, state: string, login: unknown) => {
      throw new Error(`INSERT INTO logins VALUES ('${state}', '${JSON.stringify(login)}') failed`);
    };
    const stateStore = { save, take: async () => undefined };
    const log = (event: unknown) => events.push(event);
    const { instance, site, visitor } = await aStage('mastodon45', { options: { stateStore, log } });
    expect((await start(visitor, site, instance.host)).status).toBe(500);
    expect(events.at(-1)).toEqual({ event: 'failed', error: 'Error' });
  });

  it('that fails is reported to the operator', async () => {
    const mine = new Error('no space');
    const stateStore = { save: () => Promise.reject(mine), take: () => Promise.reject(mine) };
    const { instance, site, visitor } = await aStage('mastodon45', { options: { stateStore } });
    expect((await start(visitor, site, instance.host)).status).toBe(500);
    const state = randomToken();
    expect((await visitor.get(`${site.callbackURL}/${instance.host}?code=x&state=${state}`)).status).toBe(
      500,
    );
    expect(site.errors).toEqual([mine, mine]);
  });

  it('is needed without a session, and the error says so', async () => {
    const { instance, site, visitor } = await aStage('mastodon45', { session: false });
    expect((await start(visitor, site, instance.host)).status).toBe(500);
    expect(String(site.errors[0])).toMatch(/session.*stateStore/);
  });
});

it('the scope of the site is sent with the code, if the server wants it again (Iceshrimp)', async () => {
  const { instance, site, visitor } = await aStage('iceshrimp', { options: { scope: 'read:accounts' } });
  expect((await visitor.login(site, instance.host)).status).toBe(200);
});
