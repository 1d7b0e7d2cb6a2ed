/** The recipes of docs/recipes.md and docs/sessions.md, run unchanged on a site with an instance. */

import express, { type Express, type RequestHandler } from 'express';
import { MastodonStrategy } from '../../lib/index.js';
import { startInstance } from '../../lib/testing/index.js';
import { createLogin } from '../../lib/web/index.js';
import type { StandIn } from '../support/instance.js';
import { aSite, anInstance, start } from '../support/stage.js';
import type { Site } from '../support/site.js';
import { Visitor } from '../support/visitor.js';
import { blockOf } from './pages.js';
import { javaScriptOf } from './run-block.js';

const test = 'test/docs/recipes.test.ts';
const recipe = (holding: string) => blockOf('docs/recipes.md', test, holding);

let instance: StandIn;
let site: Site;
/** The linked accounts: user, account key, handle. */
let linked: string[][];

beforeEach(async () => {
  instance = await anInstance();
  site = await aSite({ instances: [instance] });
  linked = [];
});

/** A site whose first router contains the recipe. */
function cook(code: string): void {
  const app = express.Router();
  const script = javaScriptOf(code);
  const mustBeLoggedIn: RequestHandler = (req, res, next) => (req.user ? next() : res.redirect('/login'));
  const options = { clientName: 'Recipes', developmentInstances: [instance.origin] };
  const users = {
    link: async (...row: string[]) => void linked.push(row),
  };
  const { passport, origin } = site;
  const given = { app, passport, MastodonStrategy, options, origin, mustBeLoggedIn, users };
  new Function(...Object.keys(given), script)(...Object.values(given));
  before(site.app, app);
}

/** Express runs its handlers in order; the recipe comes after the session and before the site's own routes. */
function before(app: Express, router: RequestHandler): void {
  const { stack } = app.router as unknown as { stack: { route?: unknown }[] };
  app.use(router);
  const first = stack.findIndex(({ route }) => route !== undefined);
  stack.splice(first, 0, stack.pop()!);
}

/** The URL to which the instance sends a visitor who consents. Each visitor is a new browser at the instance. */
const agreedBy = (name: string, location = '') => new Visitor().approve(location, { as: name });

describe('adding an account to a logged-in user', () => {
  beforeEach(() => cook(recipe('mastodon-link')));

  async function add(visitor: Visitor): Promise<string> {
    const page = await visitor.post(`${site.origin}/account/mastodon`, { instance: instance.host });
    return agreedBy('bob', page.location);
  }

  it('links it, and the user stays the same', async () => {
    const visitor = new Visitor();
    await visitor.login(site, instance.host);
    const page = await visitor.get(await add(visitor));
    expect(page.location).toMatch(/\/account$/);
    const [alice, bob] = ['alice', 'bob'].map((name) => `${instance.origin}#${instance.account(name).id}`);
    expect(linked).toEqual([[alice, bob, `bob@${instance.host}`]]);
    expect((await visitor.get(`${site.origin}/me`)).json().user).toMatchObject({ username: 'alice' });
  });

  it('links nothing to another user who has logged in with the same browser meanwhile', async () => {
    const visitor = new Visitor();
    await visitor.login(site, instance.host);
    const callback = await add(visitor);
    await visitor.get(await agreedBy('bob', (await start(visitor, site, instance.host)).location));
    expect((await visitor.get(`${site.origin}/me`)).json().user).toMatchObject({ username: 'bob' });
    await visitor.get(callback);
    expect(linked).toEqual([]);
  });

  it('begins no login for a visitor who is not logged in', async () => {
    const page = await new Visitor().post(`${site.origin}/account/mastodon`, { instance: instance.host });
    expect(page.location).toMatch(/\/login$/);
  });
});

describe('return to the page where the login began', () => {
  beforeEach(() => cook(recipe('returnTo')));

  it.each([
    ['/basket?item=1', '/basket?item=1'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
  ])('from %s to %s', async (from, to) => {
    const visitor = new Visitor();
    const begun = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host, from });
    const page = await visitor.get(await visitor.approve(begun.location ?? ''));
    expect(page.location).toBe(new URL(to, site.origin).href);
  });
});

it('keep the session’s content over a login', async () => {
  cook(recipe('keepSessionInfo'));
  const router = express.Router();
  router.get('/basket', (req, res) => {
    const session = req.session as unknown as { basket?: string };
    session.basket ??= 'tea';
    res.json({ id: req.sessionID, ...session, user: req.user });
  });
  before(site.app, router);
  const visitor = new Visitor();
  const first = (await visitor.get(`${site.origin}/basket`)).json() as { id: string };
  const begun = await start(visitor, site, instance.host);
  await visitor.get(await visitor.approve(begun.location ?? ''));
  const afterwards = (await visitor.get(`${site.origin}/basket`)).json() as { id: string };
  expect(afterwards).toMatchObject({ basket: 'tea', user: { username: 'alice' } });
  expect(afterwards.id).not.toBe(first.id);
});

it("reads the user's posts with the token of the login", async () => {
  const posts = blockOf('docs/recipes.md', test, 'postsOf');
  const script = javaScriptOf(posts);
  const postsOf = new Function(`${script}; return postsOf;`)() as (account: object) => Promise<object[]>;
  const server = await startInstance({ accounts: ['ada'] });
  try {
    const login = createLogin({
      clientName: 'Recipes',
      callbackURL: 'https://site.example/callback',
      developmentInstances: [server.origin],
      scope: 'read:accounts read:statuses write:statuses',
    });
    const begun = await login.begin(new Request(`https://site.example/?instance=${server.host}`));
    const cookie = begun.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    const callback = await server.approve(begun.headers.get('location') ?? '');
    const { profile, accessToken } = await login.finish(new Request(callback, { headers: { cookie } }));
    await fetch(`${server.origin}/api/v1/statuses`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${accessToken}` },
      body: new URLSearchParams({ status: 'Hello' }),
    });
    const [origin, accountId] = profile.id.split('#');
    expect(await postsOf({ origin, accountId, accessToken })).toMatchObject([
      { content: expect.stringContaining('Hello') },
    ]);
    await expect(postsOf({ origin, accountId, accessToken: 'another' })).rejects.toThrow('401');
  } finally {
    await server.close();
  }
});

it('identifies the user without a session', async () => {
  cook(blockOf('docs/sessions.md', test, 'session: false'));
  const visitor = new Visitor();
  const begun = await start(visitor, site, instance.host);
  const page = await visitor.get(await visitor.approve(begun.location ?? ''));
  expect(page.json()).toMatchObject({ hello: { username: 'alice' } });
  expect((await visitor.get(`${site.origin}/me`)).json().user).toBeFalsy();
});
