/** What a first-time builder does wrong, and what they are told: once, and only while they build. */

import { once } from 'node:events';
import { request, type IncomingMessage, type Server } from 'node:http';
import express, { type RequestHandler } from 'express';
import { Keyv } from 'keyv';
import { MastodonStrategy } from '../../lib/index.js';
import type { VerifyDone } from '../../lib/passport/verify.js';
import { selfSigned } from '../support/certificate.js';
import { until } from '../support/hostile.js';
import { allTold, told, whileBuilding } from '../support/hints.js';
import { JSONStore } from '../support/json-store.js';
import { aSite, anInstance, leastOptions, leave, open, start } from '../support/stage.js';
import type { SiteOptions } from '../support/site.js';
import { Visitor } from '../support/visitor.js';

whileBuilding();

async function aStage(options: SiteOptions = {}) {
  const instance = await anInstance();
  const site = await aSite({ instances: [instance], ...options });
  return { instance, site, visitor: new Visitor() };
}

/** A whole login by a browser that keeps to what the cookie says of other sites. */
async function logIn({ instance, site, visitor }: Awaited<ReturnType<typeof aStage>>, back = visitor) {
  return open(back, await visitor.approve(await leave(visitor, site, instance.host)));
}

it('a site without mistakes is told nothing', async () => {
  const stage = await aStage();
  await logIn(stage);
  await logIn(stage);
  for (const mistyped of ['', 'mastodon', 'mastodon.social:443', '8.8.8.8', '12', 'a word']) {
    await start(new Visitor(), stage.site, mistyped);
  }
  expect(allTold()).toEqual([]);
});

describe('a server of their own is typed, and not listed', () => {
  it.each([
    ['localhost:4000', 'http://localhost:4000'],
    ['@ada@localhost:4000', 'http://localhost:4000'],
    ['http://localhost:4000/@ada', 'http://localhost:4000'],
    ['localhost', 'http://localhost'],
    ['127.0.0.1:4000', 'http://127.0.0.1:4000'],
    ['127.0.0.1', 'http://127.0.0.1'],
    ['[::1]:4000', 'http://[::1]:4000'],
    ['[::1]', 'http://[::1]'],
    ['192.168.1.7:3000', 'http://192.168.1.7:3000'],
    ['Mastodon.local', 'http://mastodon.local'],
    ['mastodon:3000', 'http://mastodon:3000'],
  ])('%s: told what to write, and the visitor is not', async (typed, origin) => {
    const site = await aSite();
    for (let turn = 0; turn < 2; turn++) {
      const page = await start(new Visitor(), site, typed);
      expect(page.json()).toMatchObject({ code: 'instance_invalid' });
      expect(page.text).not.toContain('developmentInstances');
    }
    expect(told('MASTODON_NOT_LISTED')).toEqual([
      expect.stringContaining(`set the option developmentInstances: ['${origin}']`),
    ]);
  });

  it('and another one is: told which', async () => {
    const { instance, site } = await aStage();
    await start(new Visitor(), site, 'localhost');
    expect(told('MASTODON_NOT_LISTED')).toEqual([expect.stringContaining(`it has ${instance.origin} now`)]);
  });

  it('and is listed by another name of this machine: told by which', async () => {
    const { instance, site } = await aStage();
    await start(new Visitor(), site, instance.host.replace('localhost', '127.0.0.1'));
    expect(told('MASTODON_NOT_LISTED')).toEqual([expect.stringContaining(`type ${instance.host}`)]);
  });
});

it('the callback leads nowhere: told when the same browser begins again', async () => {
  const { instance, site, visitor } = await aStage({
    options: { callbackURL: 'http://localhost:1/somewhere/else' },
  });
  await start(visitor, site, 'a typing mistake');
  await leave(visitor, site, instance.host);
  expect(allTold()).toEqual([]);
  await leave(visitor, site, instance.host);
  await leave(visitor, site, instance.host);
  expect(told('MASTODON_NO_ANSWER')).toEqual([
    expect.stringMatching(/http:\/\/localhost:1\/somewhere\/else\/.* route for \/somewhere\/else\/:instance/),
  ]);
});

describe('there is no route for the answer', () => {
  const path = '/auth/mastodon/callback';
  const without = (status: number) => () =>
    express().use(path, (_req, res) => void res.status(status).send('Nothing here'));

  it('told when the first one comes', async () => {
    const stage = await aStage({ express: without(404) });
    expect((await logIn(stage)).status).toBe(404);
    expect(told('MASTODON_NO_ANSWER')).toEqual([
      expect.stringContaining(`it needs a route for ${path}/:instance`),
    ]);
    await logIn(stage);
    expect(told('MASTODON_NO_ANSWER')).toHaveLength(1);
  });

  it.each([
    [404, `${path}?state=x`],
    [404, `${path}/mastodon.social`],
    [404, '/elsewhere/mastodon.social?state=x'],
    [503, `${path}/mastodon.social?state=x`],
  ])('nobody is told of %d for %s', async (status, asked) => {
    const { instance, site, visitor } = await aStage({ express: without(status) });
    await leave(visitor, site, instance.host);
    await visitor.get(site.origin + asked);
    expect(allTold()).toEqual([]);
  });

  it('the server is listened to until an answer has arrived', async () => {
    let server: Server | undefined;
    const middleware: express.RequestHandler = (req, _res, next) => {
      ({ server } = req.socket as unknown as { server: Server });
      next();
    };
    const stage = await aStage({ express: () => express().use(middleware) });
    await leave(stage.visitor, stage.site, stage.instance.host);
    await leave(new Visitor(), stage.site, stage.instance.host);
    expect(server?.listenerCount('request')).toBe(2);
    await logIn({ ...stage, visitor: new Visitor() });
    await stage.visitor.get(stage.site.origin);
    expect(server?.listenerCount('request')).toBe(1);
    expect(allTold()).toEqual([]);
  });
});

describe('callbackURL is https, and the site is not', () => {
  /** A start at a site that is told to have the callback's host. */
  async function startOver(headers: Record<string, string>, callbackURL = 'https://localhost:3000/callback') {
    const { instance, site } = await aStage({ options: { callbackURL } });
    const begun = request(`${site.origin}/auth/mastodon`, {
      method: 'POST',
      agent: false,
      headers: { Host: 'localhost:3000', 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    }).end(String(new URLSearchParams({ instance: instance.host })));
    const [answer] = (await once(begun, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(302);
    return told('MASTODON_BY_HTTP');
  }

  it('told what to say while the site is on this machine', async () => {
    expect(await startOver({ Origin: 'http://localhost:3000' })).toEqual([
      expect.stringMatching(
        /callbackURL is https:.*: say http there .* or open the site at https:\/\/localhost:3000$/,
      ),
    ]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['browsers that do not say where the form was', { Origin: 'null' }, 'localhost:3000'],
    [
      'a proxy without TLS',
      { 'X-Forwarded-Proto': 'http', Origin: 'http://localhost:3000' },
      'localhost:3000',
    ],
    ['another machine', { Host: 'site.example' }, 'site.example'],
  ])('told with %s', async (_what, headers, host) => {
    expect(await startOver(headers, `https://${host}/callback`)).toEqual([
      expect.stringContaining('open the site at https'),
    ]);
  });

  it.each<[string, Record<string, string>]>([
    ['X-Forwarded-Proto', { 'X-Forwarded-Proto': 'https' }],
    ['Forwarded', { Forwarded: 'proto=https' }],
    ['no such header, and a browser that names the page', { Origin: 'https://localhost:3000' }],
    ['no such header, and a browser that names the page before', { Referer: 'https://localhost:3000/login' }],
    ['another Host', { Host: 'localhost:8080' }],
  ])('nobody is told behind a proxy that ends TLS, with %s', async (_what, headers) => {
    expect(await startOver(headers)).toEqual([]);
  });
});

describe('nothing arrives of what was typed', () => {
  async function post(type: string, body: string, parse: boolean | RequestHandler = false) {
    const { site } = await aStage();
    const app = express();
    if (parse) app.use(parse === true ? express.urlencoded({ extended: false }) : parse);
    app.use(express.text());
    app.post('/login', site.passport.authenticate('mastodon'));
    const server = app.listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      const headers = { 'Content-Type': type };
      return await fetch(`http://127.0.0.1:${port}/login`, { method: 'POST', body, headers });
    } finally {
      server.close();
    }
  }

  it.each([
    ['application/x-www-form-urlencoded', 'express.urlencoded({ extended: false })'],
    ['application/json; charset=utf-8', 'express.json()'],
    ['multipart/form-data; boundary=x', 'multer'],
  ])('there is no parser for %s', async (type, parser) => {
    await post(type, 'instance=mastodon.social');
    expect(told('MASTODON_NO_BODY')).toEqual([expect.stringContaining(parser)]);
  });

  it('there is a parser for something else, which leaves an empty body (Express 4)', async () => {
    await post('application/x-www-form-urlencoded', 'instance=mastodon.social', (req, _res, next) => {
      req.body = {};
      next();
    });
    expect(told('MASTODON_NO_BODY')).toEqual([
      expect.stringContaining('nothing of it is in req.body: app.use('),
    ]);
  });

  it('a script sends its text as what it is not', async () => {
    const { site } = await aStage();
    const body = JSON.stringify({ instance: 'mastodon.social' });
    await fetch(`${site.origin}/auth/mastodon`, {
      method: 'POST',
      body,
      headers: { 'Sec-Fetch-Dest': 'empty' },
    });
    expect(told('MASTODON_NO_BODY')).toEqual([expect.stringContaining('text/plain')]);
    expect(told('MASTODON_BY_SCRIPT')).toHaveLength(1);
  });

  it('a form without fields was sent, and there is a parser', async () => {
    await post('application/x-www-form-urlencoded', '', true);
    expect(allTold()).toEqual([]);
  });

  it('the field has another name', async () => {
    await post('application/x-www-form-urlencoded', 'server=mastodon.social', true);
    expect(told('MASTODON_NO_FIELD')).toEqual([
      expect.stringMatching(/none of its fields is "instance" \(there is "server"\).* instanceField/),
    ]);
  });

  it('is not shown what is no name of a field: a body that was sent as another type than it is', async () => {
    await post(
      'application/x-www-form-urlencoded',
      '{"password":"hunter2","server":"mastodon.social"}',
      true,
    );
    await post('application/x-www-form-urlencoded', '%C2%9B2Jspoofed=1', true);
    for (const one of told('MASTODON_NO_FIELD')) expect(one).not.toMatch(/password|hunter2|spoofed/);
    expect(told('MASTODON_NO_FIELD')).not.toEqual([]);
  });

  it('nobody is told of a type that no parser has', async () => {
    for (const type of ['constructor', '__proto__', 'toString']) await post(type, 'instance=mastodon.social');
    expect(allTold()).toEqual([]);
  });

  it('nobody is told of what is no form', async () => {
    await post('text/plain', 'mastodon.social');
    expect(allTold()).toEqual([]);
  });
});

describe('the session is lost on the way', () => {
  it.each<[string, SiteOptions['session'], RegExp]>([
    ['a secure cookie over http', { cookie: { secure: true } }, /"secure".*trust proxy/],
    ['a strict cookie', { cookie: { sameSite: 'strict' } }, /sameSite: 'strict'.*'lax'/],
    ['anything else', true, /another name of this site/],
  ])('%s', async (_why, session, expected) => {
    const stage = await aStage({ session: session ?? true });
    await logIn(stage, new Visitor());
    expect(told('MASTODON_NO_SESSION')).toEqual([expect.stringMatching(expected)]);
  });

  it('a secure cookie over http, in a framework that does not say whether a request was secure', async () => {
    const unknowing = () =>
      express().use((req, _res, next) => {
        Object.defineProperty(req, 'secure', { value: undefined });
        next();
      });
    const stage = await aStage({ express: unknowing, session: { cookie: { secure: true } } });
    await logIn(stage, new Visitor());
    expect(told('MASTODON_NO_SESSION')).toEqual([expect.stringMatching(/"secure".*trust proxy/)]);
  });

  it('a start at 127.0.0.1 that comes back to localhost', async () => {
    const { instance, site, visitor } = await aStage();
    await leave(visitor, { origin: site.origin.replace('localhost', '127.0.0.1') }, instance.host);
    expect(told('MASTODON_OTHER_NAME')).toEqual([expect.stringContaining(`open the site at ${site.origin}`)]);
  });
});

describe('the browser cannot follow', () => {
  it('a script that begins a login', async () => {
    const { instance, site } = await aStage();
    const body = new URLSearchParams({ instance: instance.host });
    const headers = { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'empty' };
    const init = { method: 'POST', body, headers, redirect: 'manual' } as const;
    await fetch(`${site.origin}/auth/mastodon`, init);
    await fetch(`${site.origin}/auth/mastodon`, init);
    expect(told('MASTODON_BY_SCRIPT')).toEqual([expect.stringContaining('send a form')]);
  });

  it.each([
    ["form-action 'self'", 'https', 1],
    ["default-src 'self'; form-action 'self' https:", 'https', 0],
    ["default-src 'self'; form-action 'self' https:", 'http', 1],
    ["form-action 'self' https: ORIGIN", 'http', 0],
    ["form-action 'self' ORIGIN", 'https', 0],
    ['form-action *', 'http', 0],
    ["default-src 'self'", 'http', 0],
  ])('past a policy of %s, to an instance by %s', async (policy, scheme, times) => {
    const certificate = scheme === 'https' ? selfSigned() : undefined;
    const instance = await anInstance('mastodon45', certificate && { tls: certificate });
    const withPolicy = () => {
      const app = express();
      app.use((_req, res, next) => {
        res.setHeader('Content-Security-Policy', policy.replace('ORIGIN', instance.origin));
        next();
      });
      return app;
    };
    const options = certificate && { outbound: { ca: certificate.cert } };
    const site = await aSite({ instances: [instance], express: withPolicy, ...(options && { options }) });
    await leave(new Visitor(), site, instance.host);
    const further = scheme === 'http' ? ` https: ${instance.origin} (while you build the site)` : ' https:';
    expect(told('MASTODON_FORM_ACTION').map((text) => text.endsWith(`form-action 'self'${further}`))).toEqual(
      Array.from({ length: times }, () => true),
    );
  });
});

it('passport.session() is missing: told when who has logged in does so again', async () => {
  const { instance, site, visitor } = await aStage();
  const app = express.Router();
  app.post('/early', (req, res, next) => {
    delete req.user; // As if nobody had looked into the session.
    site.passport.authenticate('mastodon')(req, res, next);
  });
  site.app.use(app);
  await logIn({ instance, site, visitor });
  await visitor.post(`${site.origin}/early`, { instance: instance.host });
  expect(told('MASTODON_NOT_READ')).toEqual([expect.stringContaining('app.use(passport.session())')]);
});

it.each([
  ['no methods', {}],
  ['a method that throws', { getHeader: () => JSON.parse('') as never }],
])('a framework whose response has %s logs its visitors in', async (_what, res) => {
  const middleware: express.RequestHandler = (req, _res, next) => {
    Object.defineProperty(req, 'res', { value: res });
    next();
  };
  await logIn(await aStage({ express: () => express().use(middleware) }));
  expect(allTold()).toEqual([]);
});

it('verify forgets to return the user', async () => {
  const forgetful = async (_accessToken: string, _refreshToken: unknown, profile: object) => void profile;
  await logIn(await aStage({ verify: forgetful }));
  expect(told('MASTODON_NO_USER')).toEqual([expect.stringContaining('return the user, or false')]);
});

it('verify answers nothing on one of its ways: told while the visitor waits', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'Date', 'performance'] });
  try {
    const asked: VerifyDone[] = [];
    const silent = (_a: string, _r: unknown, _p: object, done: VerifyDone) => void asked.push(done);
    const page = logIn(await aStage({ verify: silent }));
    await until(() => asked.length > 0);
    jest.advanceTimersByTime(9_999);
    expect(allTold()).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(told('MASTODON_NO_DONE')).toEqual([expect.stringContaining('done(null, user)')]);
    asked[0]?.(null, { id: 1 });
    expect((await page).status).toBe(200);
  } finally {
    jest.useRealTimers();
  }
});

describe('options of passport.authenticate', () => {
  const routeWith = async (authenticate: object) => {
    const stage = await aStage({ authenticate });
    await logIn(stage);
    await logIn(stage);
  };

  it.each<[object, string]>([
    [
      { scope: 'read write' },
      'scope in passport.authenticate has no effect there: it is an option of MastodonStrategy',
    ],
    [{ callbackURL: '/elsewhere' }, 'callbackURL in passport.authenticate has no effect there'],
    [{ force_login: true }, 'force_login in passport.authenticate is no option; did you mean forceLogin?'],
    [{ scopes: ['read'] }, 'did you mean scope?'],
    [{ failureRedirct: '/login' }, 'did you mean failureRedirect?'],
  ])('that have no effect, as %j: told once', async (authenticate, what) => {
    await routeWith(authenticate);
    expect(allTold()).toEqual([[expect.stringContaining(what), 'MASTODON_OPTION']]);
  });

  it('that somebody reads, or might: nobody is told', async () => {
    await routeWith({
      ...{ forceLogin: true, lang: 'de', state: 1, instance: undefined, scope: undefined },
      ...{ session: true, keepSessionInfo: true, failureMessage: true, authInfo: true },
      ...{ property: 'user', tenant: 7, prompt: 'consent' },
    });
    expect(allTold()).toEqual([]);
  });

  it('that a hook of the application reads: nobody is told', async () => {
    const stage = await aStage({ authenticate: { scope: 'mine' } as object });
    stage.site.strategy.authorizationParams = (options) => ({ hint: (options as { scope: string }).scope });
    const page = await start(stage.visitor, stage.site, stage.instance.host);
    expect(new URL(page.location ?? '').searchParams.get('hint')).toBe('mine');
    expect(allTold()).toEqual([]);
  });
});

it('a hook of passport-oauth2 that is not called is overridden: told what to do in its place', async () => {
  const stage = await aStage();
  stage.site.strategy.userProfile = () => undefined;
  await logIn(stage);
  expect(told('MASTODON_NOT_CALLED')).toEqual([expect.stringContaining('in the verify function')]);
});

it.each(['authorizationParams', 'tokenParams'] as const)(
  '%s is async: the operator is told',
  async (hook) => {
    const stage = await aStage();
    stage.site.strategy[hook] = async () => ({ display: 'touch' });
    await logIn(stage).catch(() => undefined);
    expect(stage.site.errors).toEqual([
      new TypeError(
        `MastodonStrategy: ${hook} must return an object, and has returned a promise: it cannot be async`,
      ),
    ]);
  },
);

it('the session lacks what Passport calls at the end of a login (cookie-session): told what it needs', async () => {
  const { instance, site, visitor } = await aStage();
  site.app.get('/bare/:instance', (req, res) => {
    Object.assign(req.session, { regenerate: undefined });
    site.passport.authenticate('mastodon')(req, res, (error: unknown) => res.end(String(error)));
  });
  const callback = await visitor.approve(await leave(visitor, site, instance.host));
  const { text } = await open(visitor, callback.replace('/auth/mastodon/callback/', '/bare/'));
  expect(text).toContain('regenerate is not a function');
  expect(told('MASTODON_NO_REGENERATE')).toEqual([expect.stringContaining('docs/frameworks.md')]);
});

it.each([
  ['a Map, which forgets nothing', new Map(), 1],
  ['a Keyv', new Keyv(), 0],
  ['one of their own', new JSONStore(), 0],
])('store is %s', (_what, store, times) => {
  for (let turn = 0; turn < 2; turn++) {
    new MastodonStrategy({ ...leastOptions, passReqToCallback: false, store }, async () => false);
  }
  expect(told('MASTODON_STORE_NEVER_FORGETS')).toHaveLength(times);
});

it('verify throws when it has called done already: told, as nobody else hears of it', async () => {
  const late = async (_a: string, _r: unknown, profile: object, done: VerifyDone) => {
    done(null, profile);
    throw new Error('of the audit log');
  };
  await logIn(await aStage({ verify: late }));
  expect(told('MASTODON_LATE_ERROR')).toEqual([expect.stringContaining('of the audit log')]);
});

it('what verify throws after done, and is no error, ends no process', async () => {
  const late = async (_a: string, _r: unknown, profile: object, done: VerifyDone) => {
    done(null, profile);
    throw Object.create(null) as Error;
  };
  const rejections: unknown[] = [];
  const note = (reason: unknown) => void rejections.push(reason);
  process.on('unhandledRejection', note);
  expect((await logIn(await aStage({ verify: late }))).status).toBe(200);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(rejections).toEqual([]);
});

describe('a strategy is made for each request', () => {
  const perRequest = async (store?: JSONStore) => {
    const { instance, site, visitor } = await aStage();
    const options = {
      ...leastOptions,
      callbackURL: site.callbackURL,
      developmentInstances: [instance.origin],
      passReqToCallback: false as const,
      store,
    };
    const login: RequestHandler = (req, res) => {
      const made = new MastodonStrategy(options, async () => ({ id: 1 }));
      site.passport.authenticate(made)(req, res, (error: unknown) => res.end(String(error)));
    };
    site.app.get('/each/:instance', login);
    site.app.post('/each', login);
    const away = await visitor.post(`${site.origin}/each`, { instance: instance.host });
    const callback = await visitor.approve(away.location ?? '');
    return open(visitor, callback.replace('/auth/mastodon/callback/', '/each/'));
  };

  it('without a store: told why nobody can finish a login', async () => {
    expect((await perRequest()).status).toBe(403);
    expect(told('MASTODON_MADE_TWICE')).toEqual([expect.stringMatching(/there are 2 .* make it once/)]);
    expect(told('MASTODON_NO_ANSWER')).toEqual([]);
  });

  it('with one store for all: works, and nobody is told', async () => {
    await perRequest(new JSONStore());
    expect(allTold()).toEqual([]);
  });
});

it('an answer that belongs to nothing begun here says nothing about the site', async () => {
  const { site, instance } = await aStage();
  const answer = `${site.callbackURL}/${instance.host}?code=abc&state=${'A'.repeat(43)}`;
  expect((await open(new Visitor(), answer)).status).toBe(403);
  expect(allTold()).toEqual([]);
});

it.each(['production', 'development'])(
  'in %s an error of verify that fails when it is read is passed on as it is',
  async (name) => {
    process.env['NODE_ENV'] = name;
    const error = Object.defineProperty(new Error('no'), 'code', {
      get: () => {
        throw new Error('another error');
      },
    });
    const stage = await aStage({ verify: () => Promise.reject(error) });
    // Express says what it cannot show.
    const shown = jest.spyOn(console, 'error').mockReturnValue();
    await logIn(stage);
    shown.mockRestore();
    expect(stage.site.errors).toHaveLength(1);
    expect(stage.site.errors[0]).toBe(error);
  },
);

it.each<[string, () => unknown, string]>([
  ['an error', () => new Error('no'), 'MastodonStrategy: Error: no'],
  ['what cannot be shown', () => Object.create(null), 'MastodonStrategy: something that cannot be shown'],
])('a callback of authenticate that throws %s ends no process: told', async (_what, thrown, text) => {
  const { site } = await aStage();
  const callback = () => {
    throw thrown();
  };
  const authenticate = site.passport.authenticate('mastodon', callback) as RequestHandler;
  // Passport calls it once more with what it has thrown, and then nobody answers.
  site.app.get('/throws', authenticate);
  const waiting = new AbortController();
  const answer = fetch(`${site.origin}/throws`, { signal: waiting.signal }).catch(() => 'none');
  await until(() => allTold().length > 0);
  waiting.abort();
  expect([await answer, allTold()]).toEqual(['none', [[text, undefined]]]);
});

it('verify refuses somebody on purpose', async () => {
  const strict = async (_accessToken: string, _refreshToken: unknown, profile: object) => !profile;
  await logIn(await aStage({ verify: strict }));
  expect(allTold()).toEqual([]);
});

it.each(['production', 'test'])('in %s nothing is told, as anybody could set it off', async (name) => {
  process.env['NODE_ENV'] = name;
  const forgetful = async (_accessToken: string, _refreshToken: unknown, profile: object) => void profile;
  const store = new JSONStore();
  const stage = await aStage({ verify: forgetful, options: { store } });
  await logIn(stage);
  await logIn(stage, new Visitor());
  await new Visitor().post(`${stage.site.origin}/auth/mastodon`, { server: 'mastodon.social' });
  await start(new Visitor(), stage.site, 'localhost:4000');
  expect(allTold()).toEqual([]);
});
