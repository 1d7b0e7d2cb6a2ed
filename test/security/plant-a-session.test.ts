/**
 * The attacker has put a session into the victim's browser, with a cookie of a sibling host, and knows the browser
 * key there. Logins that the attacker began must not log the victim in as the attacker for longer than the session
 * lasts.
 */

import express, { type Request, type RequestHandler } from 'express';
import { MemoryStore } from 'express-session';
import { aStage, comeBack, open, start, whoIsLoggedIn } from '../support/stage.js';
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

/** Ways in which a site with passwords logs a user in. */
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
  it('ends logins that the planted key began', async () => {
    const { instance, site, visitor: victim } = await aStage();
    aPasswordAt(site, logIn);
    const attacker = new Visitor();
    const planted = await comeBack(attacker, site, instance.host, 'bob');
    plant(victim, attacker, site);
    await victim.post(`${site.origin}/password`, {});
    expect((await open(victim, planted)).json().code).toBe('login_expired');
    expect(await whoIsLoggedIn(victim, site)).toBe('victim');
  });

  it('lets a login that begins after it finish', async () => {
    const { instance, site, visitor } = await aStage();
    aPasswordAt(site, logIn);
    await comeBack(visitor, site, instance.host, 'bob');
    await visitor.post(`${site.origin}/password`, {});
    expect((await open(visitor, await comeBack(visitor, site, instance.host))).status).toBe(200);
  });
});

/** A session in a cookie: an attacker who has a copy keeps it. */
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
    const late = await comeBack(attacker, site, instance.host, 'bob');
    expect((await open(victim, late)).json().code).toBe('login_expired');
    later(11 * minute);
    expect((await open(victim, early)).json().code).toBe('login_expired');
    expect(await whoIsLoggedIn(victim, site)).toBe('alice');
  },
);

it('a login of the attacker that begins after the victim’s own does not finish if the session is in a cookie', async () => {
  const inCookie = () => express().use(wholeSessionInCookie());
  const {
    instance,
    site,
    visitor: victim,
  } = await aStage('mastodon45', { express: inCookie, session: false });
  const finish = site.passport.authenticate('mastodon', { session: false }) as RequestHandler;
  site.app.get('/token/:instance', finish, (req, res) => void res.json({ user: req.user }));
  const at = ({ search }: URL) => `${site.origin}/token/${instance.host}${search}`;

  const attacker = new Visitor();
  await comeBack(attacker, site, instance.host, 'bob');
  plant(victim, attacker, site);
  const own = await comeBack(victim, site, instance.host);
  expect((await victim.get(at(own))).json().user).toMatchObject({ username: 'alice' });
  // The attacker still has the cookie with the browser key that finished the victim's login.
  const late = await comeBack(attacker, site, instance.host, 'bob');
  expect((await victim.get(at(late))).status).toBe(403);
  expect(site.verified).toHaveLength(1);
});

it('visitors whose sessions have the same content, called id, do not finish each other’s logins', async () => {
  const sameId: RequestHandler = (req, _res, next) => {
    // How @fastify/secure-session exposes the content of its session.
    const content: Record<string, unknown> = { id: 'the tenant of all visitors' };
    const value = new Proxy(Object.create(null) as object, {
      get: (_target, name) => content[String(name)],
      set: (_target, name, given) => ((content[String(name)] = given), true),
    });
    Object.defineProperty(req, 'session', { value });
    next();
  };
  const { instance, site, visitor } = await aStage('mastodon45', {
    express: () => express().use(sameId),
    session: false,
  });
  const begun = await comeBack(visitor, site, instance.host);
  expect((await open(new Visitor(), begun)).json().code).toBe('login_expired');
});

/** Like cookie-session, without a signature. */
function wholeSessionInCookie(): RequestHandler {
  return (req, res, next) => {
    const value = /(?:^|; )whole=([^;]*)/.exec(req.headers.cookie ?? '')?.[1] ?? '';
    const session = JSON.parse(Buffer.from(value, 'base64url').toString() || '{}') as object;
    Object.defineProperty(req, 'session', { value: session, writable: true });
    const { writeHead } = res;
    res.writeHead = ((...args: Parameters<typeof writeHead>) => {
      res.appendHeader(
        'Set-Cookie',
        `whole=${Buffer.from(JSON.stringify(session)).toString('base64url')}; Path=/`,
      );
      return writeHead.apply(res, args);
    }) as typeof writeHead;
    next();
  };
}

it('a session that keeps nothing is an error, and no visitor is redirected to a login that cannot finish', async () => {
  const forgetful: RequestHandler = (req, _res, next) => {
    Object.defineProperty(req, 'session', { value: new Proxy({}, { set: () => true }) });
    next();
  };
  const { instance, site, visitor } = await aStage('mastodon45', {
    express: () => express().use(forgetful),
    session: false,
  });
  expect((await start(visitor, site, instance.host)).status).toBe(500);
  expect(site.errors).toEqual([new Error('the session does not keep what is written into it')]);
});
