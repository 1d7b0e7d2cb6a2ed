/** One browser with many pending logins: each finishes with its own instance and its own state. */

import type { RequestHandler } from 'express';
import { aSite, anInstance, aStage, comeBack, leave, open, whoIsLoggedIn } from '../support/stage.js';
import type { SiteOptions } from '../support/site.js';
import { Visitor } from '../support/visitor.js';

async function twoInstances(options: SiteOptions = {}) {
  const instances = [await anInstance('mastodon45'), await anInstance('gotosocial')] as const;
  const site = await aSite({ instances, ...options });
  const visitor = new Visitor();
  // A browser that has visited before. A browser without a cookie gets one per tab, and keeps the last.
  await leave(visitor, site, instances[0].host);
  return { one: instances[0], two: instances[1], site, visitor };
}

it.each([
  ['as they were begun', (urls: URL[]) => urls],
  ['backwards', (urls: URL[]) => urls.reverse()],
])('ten logins, begun at once at two instances, finish one after the other, %s', async (_how, order) => {
  const { one, two, site, visitor } = await twoInstances({ keepSessionInfo: true });
  const begun = await Promise.all(
    Array.from({ length: 10 }, (_, i) => leave(visitor, site, (i % 2 ? one : two).host)),
  );
  const callbacks: URL[] = [];
  for (const [i, away] of begun.entries()) {
    // Each server keeps its own session, so the browser has another account at each.
    visitor.jars.delete(new URL(away).host);
    callbacks.push(new URL(await visitor.approve(away, { as: i % 3 ? 'alice' : 'bob' })));
  }
  const expected = new Map(
    callbacks.map((url, i) => [url.href, [i % 2 ? one.origin : two.origin, i % 3 ? 'alice' : 'bob']]),
  );
  for (const callback of order([...callbacks])) {
    expect((await open(visitor, callback)).status).toBe(200);
    const { id, username } = site.verified.at(-1) as { id: string; username: string };
    expect([id.split('#')[0], username]).toEqual(expected.get(callback.href));
    expect(await whoIsLoggedIn(visitor, site)).toBe(username);
  }
});

it('ten callbacks before any of them is answered all finish', async () => {
  const { one, site, visitor } = await twoInstances();
  const callbacks = await Promise.all(Array.from({ length: 10 }, () => comeBack(visitor, site, one.host)));
  one.latencyMs = 100;
  const pages = await Promise.all(callbacks.map((url) => visitor.get(url.href)));
  expect(pages.map(({ status }) => status)).toEqual(callbacks.map(() => 302));
  expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
});

it.each([
  ['ends with login_expired, where Passport replaces the session', false, 403],
  ['still finishes, where its content is taken along', true, 200],
])(
  'a login gives the browser a new session, and that of another tab %s',
  async (_what, keepSessionInfo, status) => {
    const { one, two, site, visitor } = await twoInstances({ keepSessionInfo });
    const { host } = new URL(site.origin);
    const [first, second] = [
      await comeBack(visitor, site, one.host),
      await comeBack(visitor, site, two.host),
    ];
    const before = visitor.jars.get(host)?.get('connect.sid');
    await open(visitor, first);
    expect(visitor.jars.get(host)?.get('connect.sid')).not.toBe(before);
    expect((await open(visitor, second)).status).toBe(status);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
  },
);

it('a site that keeps its session content over a login finishes those of all tabs', async () => {
  const { instance, site, visitor } = await aStage('mastodon45', {
    authenticate: { session: false } as object,
  });
  site.app.get(
    '/token/:instance',
    site.passport.authenticate('mastodon', { session: false }) as RequestHandler,
    (req, res) => void res.json({ user: req.user }),
  );
  const callbacks = [
    await comeBack(visitor, site, instance.host),
    await comeBack(visitor, site, instance.host),
  ];
  for (const { search } of callbacks) {
    const page = await visitor.get(`${site.origin}/token/${instance.host}${search}`);
    expect(page.json().user).toMatchObject({ username: 'alice' });
  }
});

describe('a parallel request of the same session, which saves its earlier content', () => {
  /** A poll that has loaded the session, and ends when the test says so. */
  async function withPoll(work: (stage: Awaited<ReturnType<typeof aStage>>) => Promise<void>, session = {}) {
    const stage = await aStage('mastodon45', { session });
    const { site, visitor } = stage;
    let end: () => void = () => undefined;
    const loaded = new Promise<void>((resolve) => {
      site.app.get('/visit', (req, res) => {
        (req.session as { visits?: number }).visits = 1;
        res.end();
      });
      site.app.get('/poll', (_req, res) => {
        resolve();
        end = () => res.end();
      });
    });
    await visitor.get(`${site.origin}/visit`);
    const poll = visitor.get(`${site.origin}/poll`);
    await loaded;
    await work(stage);
    end();
    await poll;
    return stage;
  }

  it('does not end the login', async () => {
    let callback: URL | undefined;
    const begin = async ({ visitor, site, instance }: Awaited<ReturnType<typeof aStage>>) =>
      void (callback = await comeBack(visitor, site, instance.host));
    // The default of express-session.
    const { visitor, site } = await withPoll(begin, { resave: true });
    expect((await open(visitor, callback ?? '')).status).toBe(200);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
  });
});

it('a failed login does not end the others', async () => {
  const { one, two, site, visitor } = await twoInstances();
  const [denied, other] = [await leave(visitor, site, one.host), await comeBack(visitor, site, two.host)];
  expect((await open(visitor, await visitor.deny(denied))).json().code).toBe('access_denied');
  expect((await open(visitor, other)).status).toBe(200);
});

it('session content of another user is gone after the login', async () => {
  const { instance, site, visitor } = await aStage();
  site.app.get('/cart', (req, res) => {
    const session = req.session as unknown as { cart?: string };
    session.cart ??= req.query['put'] as string;
    res.json({ cart: session.cart });
  });
  await visitor.get(`${site.origin}/cart?put=planted`);
  await visitor.login(site, instance.host);
  expect((await visitor.get(`${site.origin}/cart`)).json().cart).toBeUndefined();
});
