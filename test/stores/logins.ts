/** Whole logins over a store: the outcome for a visitor, and for an attacker who uses a login twice. */

import { MemoryStore } from 'express-session';
import { freePort } from '../support/free-port.js';
import type { StandIn } from '../support/instance.js';
import { openStore, type Opener, type OpenStore } from '../support/open-store.js';
import type { Site, SiteOptions } from '../support/site.js';
import { aSite, anInstance, anotherProcessOf, comeBack, open, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';
import type { StoreKind } from './contract.js';

const minute = 60_000;

export function itLogsVisitorsIn(kind: StoreKind): void {
  const { isShared = true } = kind;
  let instance: StandIn;
  let opener: Opener;
  let first: OpenStore;
  const opened: OpenStore[] = [];
  const sessions = new MemoryStore().setMaxListeners(0);

  beforeEach(async () => {
    // Mastodon takes five registrations in ten minutes.
    instance = await anInstance('mastodon45', { throttle: true });
    opener = kind.opener();
    first = await openAgain();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const one of opened.splice(0)) await one.close();
  });

  async function openAgain(): Promise<OpenStore> {
    const store = await openStore(opener);
    opened.push(store);
    return store;
  }

  const optionsOf = ({ backend }: OpenStore): SiteOptions => ({
    instances: [instance],
    session: { store: sessions },
    options: { store: backend },
  });

  /** One process of the site, and another one that shares only the store with it. */
  async function twoProcesses(): Promise<[Site, Site]> {
    const site = await aSite(optionsOf(first));
    return [site, isShared ? await anotherProcessOf(site, optionsOf(await openAgain())) : site];
  }

  /** The visitor's cookies are valid at both. */
  function share(visitor: Visitor, from: Site, to: Site): void {
    visitor.jars.set(new URL(to.origin).host, visitor.jars.get(new URL(from.origin).host) ?? new Map());
  }

  it('visitors log in one after another, in any process, with one registration', async () => {
    const [one, other] = await twoProcesses();
    for (const [as, site] of [
      ['alice', one],
      ['bob', other],
      ['alice', other],
    ] as const) {
      const visitor = new Visitor();
      const callback = await comeBack(visitor, site, instance.host, as);
      share(visitor, site, other);
      const page = await open(visitor, String(callback).replace(one.origin, other.origin));
      expect([page.status, page.json().user?.username]).toEqual([200, as]);
    }
    expect(instance.registrations).toBe(1);
    expect([...one.errors, ...other.errors]).toEqual([]);
  });

  it('a login finishes once, however often its callback is opened at the same moment', async () => {
    const [one, other] = await twoProcesses();
    const visitor = new Visitor();
    const callback = String(await comeBack(visitor, one, instance.host));
    share(visitor, one, other);
    const answers = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? one : other));
    await Promise.all(answers.map((site) => visitor.get(callback.replace(one.origin, site.origin))));
    const finished = one === other ? one.verified : [...one.verified, ...other.verified];
    expect(finished).toHaveLength(1);
    expect((await open(visitor, callback)).status).toBe(403);
    expect([...one.errors, ...other.errors]).toEqual([]);
  });

  it('an expired login does not finish', async () => {
    const site = await aSite(optionsOf(first));
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, instance.host);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 11 * minute);
    const page = await visitor.get(String(callback));
    expect([page.status, page.json().code]).toEqual([403, 'login_expired']);
  });

  it('a long state of the application comes back with its login', async () => {
    const state = { cart: 'é'.repeat(8_000) };
    const site = await aSite({ ...optionsOf(first), authenticate: { state } });
    const visitor = new Visitor();
    const page = await visitor.login(site, instance.host);
    expect(page.json().authInfo).toMatchObject({ state });
  });

  if (!isShared) return;
  it('a login continues after a restart in between, without another registration', async () => {
    // The lock is released and taken again.
    const port = await freePort();
    const site = await aSite({ ...optionsOf(first), port });
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, instance.host);
    await site.close();
    await first.close();
    opened.splice(opened.indexOf(first), 1);
    const restarted = await aSite({ ...optionsOf(await openAgain()), port });
    expect((await open(visitor, callback)).status).toBe(200);
    expect((await start(new Visitor(), restarted, instance.host)).status).toBe(302);
    expect(instance.registrations).toBe(1);
  });
}
