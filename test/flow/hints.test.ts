/** What a first-time builder does wrong, and what they are told: once, and only while they build. */

import { once } from 'node:events';
import { request, type IncomingMessage, type Server } from 'node:http';
import express from 'express';
import { allTold, told, whileBuilding } from '../support/hints.js';
import { aSite, anInstance, leave, open, start } from '../support/stage.js';
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
  async function post(type: string, body: string, parse = false) {
    const { site } = await aStage();
    const app = express();
    if (parse) app.use(express.urlencoded({ extended: false }));
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

  it('the field has another name', async () => {
    await post('application/x-www-form-urlencoded', 'server=mastodon.social', true);
    expect(told('MASTODON_NO_FIELD')).toEqual([
      expect.stringMatching(/none of its fields is "instance" \(there is "server"\).* instanceField/),
    ]);
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
    ["form-action 'self'", 1],
    ["default-src 'self'; form-action 'self' https:", 0],
    ["default-src 'self'", 0],
  ])('past a policy of %s', async (policy, times) => {
    const withPolicy = () => {
      const app = express();
      app.use((_req, res, next) => void next(res.setHeader('Content-Security-Policy', policy) && undefined));
      return app;
    };
    const { instance, site, visitor } = await aStage({ express: withPolicy });
    await leave(visitor, site, instance.host);
    expect(told('MASTODON_FORM_ACTION')).toHaveLength(times);
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

it('verify refuses somebody on purpose', async () => {
  const strict = async (_accessToken: string, _refreshToken: unknown, profile: object) => !profile;
  await logIn(await aStage({ verify: strict }));
  expect(allTold()).toEqual([]);
});

it.each(['production', 'test'])('in %s nothing is told, as anybody could set it off', async (name) => {
  process.env['NODE_ENV'] = name;
  const forgetful = async (_accessToken: string, _refreshToken: unknown, profile: object) => void profile;
  const store = new Map<string, unknown>();
  const stage = await aStage({ verify: forgetful, options: { store } });
  await logIn(stage);
  await logIn(stage, new Visitor());
  await new Visitor().post(`${stage.site.origin}/auth/mastodon`, { server: 'mastodon.social' });
  await start(new Visitor(), stage.site, 'localhost:4000');
  expect(allTold()).toEqual([]);
});
