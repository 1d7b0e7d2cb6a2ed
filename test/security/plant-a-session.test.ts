/**
 * The attacker has put a session of their own into the victim's browser, by a cookie of a sibling host, and knows the key
 * that begins logins there. What they began must not log the victim in as the attacker for longer than it lasts.
 */

import type { Request, RequestHandler } from 'express';
import { MemoryStore } from 'express-session';
import { browserKeys, browserKeysOrNew, retireKey } from '../../lib/passport/session.js';
import { aStage, comeBack, open, whoIsLoggedIn } from '../support/stage.js';
import type { Site } from '../support/site.js';
import { Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

const minute = 60_000;

function plant(victim: Visitor, attacker: Visitor, { origin }: Site): void {
  const { host } = new URL(origin);
  victim.jars.set(host, new Map(attacker.jars.get(host)));
}

function later(milliseconds: number): void {
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + milliseconds);
}

/** Ways in which a site that knows passwords too logs somebody in. */
const byPassword: Record<string, (req: Request, site: Site, done: () => void) => void> = {
  'with a new session that takes all of the old one along': (req, _site, done) =>
    req.logIn({ username: 'victim' }, { session: true, keepSessionInfo: true }, done),
  'in the session that was there': (req, _site, done) => {
    (req.session as { passport?: object }).passport = { user: { username: 'victim' } };
    done();
  },
};

function aPasswordAt(site: Site, logIn: (typeof byPassword)[string]): void {
  site.app.post('/password', ((req, res) => logIn(req, site, () => res.end())) as RequestHandler);
}

describe.each(Object.entries(byPassword))('a login by password, %s,', (_how, logIn) => {
  it('ends what the planted key began', async () => {
    const { instance, site, visitor: victim } = await aStage();
    aPasswordAt(site, logIn);
    const attacker = new Visitor();
    const planted = await comeBack(attacker, site, instance.host, 'bob');
    plant(victim, attacker, site);
    await victim.post(`${site.origin}/password`, {});
    expect((await open(victim, planted)).json().code).toBe('login_expired');
    expect(await whoIsLoggedIn(victim, site)).toBe('victim');
  });

  it('lets a login that is begun after it be finished', async () => {
    const { instance, site, visitor } = await aStage();
    aPasswordAt(site, logIn);
    await comeBack(visitor, site, instance.host, 'bob');
    await visitor.post(`${site.origin}/password`, {});
    expect((await open(visitor, await comeBack(visitor, site, instance.host))).status).toBe(200);
  });
});

/** As where the whole session is in a cookie: who had one once, has it still. */
class Undestroyed extends MemoryStore {
  override destroy(_id: string, done?: () => void): void {
    done?.();
  }
}

it.each([
  ['a new session', {}],
  ['a new session that takes all of the old one along', { keepSessionInfo: true }],
])(
  'what the attacker begins after a login of the victim’s own, with %s, is not finished there',
  async (_what, how) => {
    const {
      instance,
      site,
      visitor: victim,
    } = await aStage('mastodon45', {
      session: { store: new Undestroyed() },
    });
    site.app.get('/other/:instance', site.passport.authenticate('mastodon', how), (_req, res) => {
      res.end();
    });
    const attacker = new Visitor();
    const early = await comeBack(attacker, site, instance.host, 'bob');
    plant(victim, attacker, site);
    const own = await comeBack(victim, site, instance.host);
    await open(victim, `${site.origin}/other/${instance.host}${own.search}`);
    expect(await whoIsLoggedIn(victim, site)).toBe('alice');
    later(11 * minute);
    const late = await comeBack(attacker, site, instance.host, 'bob');
    for (const url of [early, late]) expect((await open(victim, url)).json().code).toBe('login_expired');
    expect(await whoIsLoggedIn(victim, site)).toBe('alice');
  },
);

it('a session that does not keep its key is told, and nobody is sent away with a login that cannot be finished', () => {
  const session = new Proxy({}, { set: () => true });
  expect(browserKeysOrNew({ session } as unknown as Request).keys).toEqual([]);
});

it('a key that a login was finished with begins none, whatever becomes of the session', () => {
  // As where a site keeps its own note of who is logged in, and the whole session in a cookie that somebody has a copy of.
  const req = { session: {} } as Request;
  const [planted] = browserKeysOrNew(req).keys;
  retireKey(req);
  const [next, ...former] = browserKeysOrNew(req).keys;
  expect(next).not.toBe(planted);
  expect(former).toEqual([planted]);
  later(11 * minute);
  expect(browserKeys(req)).toEqual([next]);
});
