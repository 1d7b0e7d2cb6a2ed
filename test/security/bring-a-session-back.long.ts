/** A slow or parallel request restores a session at the issuer that was ended or replaced meanwhile. */

import * as openid from 'openid-client';
import { setTimeout as pause } from 'node:timers/promises';
import {
  anIssuer,
  answerOf,
  app,
  ask,
  discover,
  errorAt,
  logIn,
  logInAt,
  openPage,
  press,
  shop,
  type IssuerStage,
} from '../issuer/stage';
import type { StandIn } from '../support/instance';
import { anInstance, JSONStore } from '../support/stage';
import { Visitor } from '../support/visitor';

/** A store that delays one read of one kind of record, like a slow connection. */
class HoldingStore extends JSONStore {
  private held: { kind: string; earlier: number; reached: () => void; released: Promise<void> } | undefined;

  /**
   * The request that has read its session reads the account next.
   * @param earlier number of reads of this kind that are not delayed
   */
  hold(kind = 'account', earlier = 0) {
    let release = () => undefined as void;
    let reached = () => undefined as void;
    const isReached = new Promise<void>((resolve) => (reached = resolve));
    const released = new Promise<void>((resolve) => (release = resolve));
    this.held = { kind, earlier, reached, released };
    return { isReached, release };
  }

  override async get(key: string): Promise<unknown> {
    const value = await super.get(key);
    if (this.held && key.includes(`:issuer-${this.held.kind}:`) && this.held.earlier-- === 0) {
      const { reached, released } = this.held;
      this.held = undefined;
      reached();
      await released;
    }
    return value;
  }
}

async function aStage() {
  const store = new HoldingStore();
  const instance = await anInstance();
  const stage = await anIssuer([instance], { store });
  const { visitor, config, claims } = await logIn(stage, instance);
  return { store, instance, stage, visitor, config, claims };
}

async function logOut(stage: IssuerStage, visitor: Visitor) {
  const page = await openPage(visitor, `${stage.issuerURL}/logout`);
  return visitor.follow(await press(visitor, page, { logout: 'yes' }));
}

/** The user that the browser is logged in as, for a client that sends prompt=none. */
async function silently(visitor: Visitor, config: openid.Configuration): Promise<string | undefined> {
  const { url, checks } = await ask(config, { prompt: 'none' });
  const answer = answerOf(await openPage(visitor, url));
  if (answer.searchParams.has('error')) return undefined;
  return String((await openid.authorizationCodeGrant(config, answer, checks)).claims()?.nickname);
}

describe('a slow request that began before a logout', () => {
  it('of a client with prompt=none leaves the browser logged out', async () => {
    const { store, stage, visitor, config } = await aStage();
    const { isReached, release } = store.hold();
    const slow = openPage(visitor, (await ask(config, { prompt: 'none' })).url);
    await isReached;
    expect((await logOut(stage, visitor)).text).toContain('You are logged out');
    release();
    await slow;
    expect(await silently(visitor, config)).toBeUndefined();
  });

  it('that replaces the session, like the button to continue, gives no code, and leaves it logged out', async () => {
    const { store, stage, visitor } = await aStage();
    const config = await discover(stage, app);
    const { url } = await ask(config);
    const sent = await press(visitor, await openPage(visitor, url), { action: 'continue' });
    const { isReached, release } = store.hold();
    const slow = visitor.get(sent.location ?? '');
    await isReached;
    expect((await logOut(stage, visitor)).text).toContain('You are logged out');
    release();
    expect(answerOf(await slow).searchParams.get('error')).toBe('login_required');
    for (const client of [config, await discover(stage, shop)]) {
      expect(await silently(visitor, client)).toBeUndefined();
    }
  });

  it('that changes the session leaves it logged out', async () => {
    const { store, stage, visitor, config } = await aStage();
    const { isReached, release } = store.hold('SessionEnded');
    const slow = visitor.get(`${stage.issuerURL}/logout`, { Accept: 'text/html' });
    await isReached;
    await logOut(stage, visitor);
    release();
    expect((await slow).text).toContain('not valid any more');
    expect(await silently(visitor, config)).toBeUndefined();
  });

  it('gives a client no usable code', async () => {
    const { store, stage, visitor, config } = await aStage();
    const { isReached, release } = store.hold('AuthorizationCode-exchange');
    const { url, checks } = await ask(config, { prompt: 'none' });
    const slow = openPage(visitor, url);
    await isReached;
    await logOut(stage, visitor);
    release();
    const answer = answerOf(await slow);
    await expect(openid.authorizationCodeGrant(config, answer, checks)).rejects.toThrow();
  });
});

describe('a request during which the operator ends all logins of the user', () => {
  const program = { ...app, grant_types: ['authorization_code', 'refresh_token'] };

  /** What the visitor gets at this URL, if the end comes while the request is answered. */
  async function endedDuring(
    stage: IssuerStage,
    store: HoldingStore,
    instance: StandIn,
    [visitor, url = '']: readonly [Visitor, string | undefined],
  ) {
    const { isReached, release } = store.hold();
    const slow = visitor.get(url);
    await isReached;
    await stage.issuer.endLogins(`${instance.origin}#${String(instance.account('alice').id)}`);
    release();
    return answerOf(await slow);
  }

  it('is the end of a login: it leaves no session and gives no usable code', async () => {
    const store = new HoldingStore();
    const instance = await anInstance();
    const stage = await anIssuer([instance], { store });
    const [visitor, config] = [new Visitor(), await discover(stage)];
    const { url, checks } = await ask(config);
    const left = await press(visitor, await openPage(visitor, url), { instance: instance.host }, 'instance');
    const back = await visitor.get(await visitor.approve(left.location ?? ''));
    const answer = await endedDuring(stage, store, instance, [visitor, back.location]);
    await expect(openid.authorizationCodeGrant(config, answer, checks)).rejects.toThrow();
    expect(await silently(visitor, config)).toBeUndefined();
  });

  it('and that continues with a session, gives no refresh token', async () => {
    const store = new HoldingStore();
    const instance = await anInstance();
    const stage = await anIssuer([instance], { store, clients: [program, shop] });
    const { visitor } = await logIn(stage, instance);
    const config = await discover(stage, program);
    const { url, checks } = await ask(config, { scope: 'openid offline_access' });
    const sent = await press(visitor, await openPage(visitor, url), { action: 'continue' });
    const answer = await endedDuring(stage, store, instance, [visitor, sent.location]);
    await expect(openid.authorizationCodeGrant(config, answer, checks)).rejects.toThrow();
  });
});

it("a slow request of alice's session does not bring it back after bob has logged in", async () => {
  const { store, instance, visitor, config } = await aStage();
  const { isReached, release } = store.hold();
  const slow = openPage(visitor, (await ask(config, { prompt: 'none' })).url);
  await isReached;
  const page = await openPage(visitor, (await ask(config, { prompt: 'login' })).url);
  visitor.jars.delete(instance.host);
  await logInAt(visitor, page, instance, 'bob');
  expect(await silently(visitor, config)).toBe('bob');
  release();
  await slow;
  expect(await silently(visitor, config)).toBe('bob');
});

it('of two requests that replace one session, one succeeds, and the other one gets no session and no code', async () => {
  const { store, stage, visitor } = await aStage();
  const config = await discover(stage, app);
  // Two tabs: they share the session, and each has the cookies of its own login, which have a path.
  const tabs = [visitor, new Visitor()];
  for (const [host, jar] of visitor.jars) tabs[1]?.jars.set(host, new Map(jar));
  const [first = '', second = ''] = await Promise.all(
    tabs.map(async (tab) => {
      const page = await openPage(tab, (await ask(config)).url);
      return (await press(tab, page, { action: 'continue' })).location;
    }),
  );
  const { isReached, release } = store.hold();
  const slow = tabs[1]!.get(second);
  await isReached;
  expect(answerOf(await visitor.get(first)).searchParams.get('code')).toBeTruthy();
  release();
  expect(answerOf(await slow).searchParams.get('error')).toBe('login_required');
  expect(await silently(visitor, config)).toBe('alice');
});

it('parallel requests of one browser do not undo each other’s changes', async () => {
  const { store, stage, visitor, config } = await aStage();
  const { isReached, release } = store.hold('SessionEnded');
  // Both change the session: each page has its own form token in it.
  const slow = openPage(visitor, `${stage.issuerURL}/device`);
  await isReached;
  const other = await discover(stage, app);
  const page = await openPage(visitor, (await ask(other)).url);
  await visitor.follow(await press(visitor, page, { action: 'continue' }));
  release();
  await slow;
  expect(await silently(visitor, other)).toBe('alice');
  expect(await silently(visitor, config)).toBe('alice');
});

it('a tab that polls over a slow store keeps no session alive', async () => {
  const instance = await anInstance();
  class SlowStore extends JSONStore {
    override async get(key: string): Promise<unknown> {
      await pause(3);
      return super.get(key);
    }
    override async set(key: string, value: unknown): Promise<void> {
      await pause(3);
      return super.set(key, value);
    }
  }
  const stage = await anIssuer([instance], { store: new SlowStore() });
  for (let round = 0; round < 5; round++) {
    const { visitor, config } = await logIn(stage, instance);
    let isOver = false;
    const tab = (async () => {
      while (!isOver) await openPage(visitor, (await ask(config, { prompt: 'none' })).url);
    })();
    await pause(20 + 7 * round);
    const out = await logOut(stage, visitor);
    isOver = true;
    await tab;
    expect(out.text).toContain('You are logged out');
    expect(await errorAt(visitor, (await ask(config, { prompt: 'none' })).url)).toBe('login_required');
  }
}, 60_000);

it('a browser that opens 150 pages at once gets each answered, over a store without locks', async () => {
  const { stage, visitor, config } = await aStage();
  const opened = Array.from({ length: 150 }, async (_, i) => {
    const page = await visitor.get(`${stage.issuerURL}/${i % 2 === 0 ? 'device' : 'logout'}`, {
      Accept: 'text/html',
    });
    return page.status;
  });
  expect(new Set(await Promise.all(opened))).toEqual(new Set([200]));
  expect(stage.events.filter(([event]) => event === 'failed')).toEqual([]);
  expect(await silently(visitor, config)).toBe('alice');
}, 30_000);
