/** Mistakes of a Passport site that cause one warning each, and those that are silent in production. */

import express, { type RequestHandler } from 'express';
import type { SessionOptions } from 'express-session';
import { MastodonStrategy } from '../../lib/index.js';
import { createBridge } from '../../lib/bridge/index.js';
import { JSONStore } from '../support/json-store.js';
import { aSite, anInstance, leastOptions, leave, open, start } from '../support/stage.js';
import type { SiteOptions } from '../support/site.js';
import { Visitor } from '../support/visitor.js';
import { allWarnings, inDevelopment, warningsOf } from '../support/warnings.js';

inDevelopment();

async function aStage(options: SiteOptions = {}) {
  const instance = await anInstance();
  const site = await aSite({ instances: [instance], ...options });
  return { instance, site, visitor: new Visitor() };
}

/** A whole login. @param back the browser that opens the callback; by default the one that began */
async function logIn({ instance, site, visitor }: Awaited<ReturnType<typeof aStage>>, back = visitor) {
  return open(back, await visitor.approve(await leave(visitor, site, instance.host)));
}

it('a site without mistakes causes no warning', async () => {
  const stage = await aStage();
  await logIn(stage);
  await logIn(stage);
  await start(new Visitor(), stage.site, '');
  expect(allWarnings()).toEqual([]);
});

describe('a login fails', () => {
  it('prints its code, its cause and the section of the documents, once for each code', async () => {
    const { site } = await aStage();
    for (let turn = 0; turn < 2; turn++) {
      await start(new Visitor(), site, 'mastodon.social:443');
      await new Visitor().get(`${site.callbackURL}/mastodon.social?code=x&state=${'A'.repeat(43)}`);
    }
    expect(allWarnings()).toEqual([
      [
        expect.stringMatching(/failed with instance_invalid: .*docs\/errors\.md#instance_invalid/),
        expect.anything(),
      ],
      [expect.stringMatching(/failed with login_expired: no login has this state/), 'MASTODON_LOGIN_FAILED'],
    ]);
  });

  it('names its meaning in a process with several strategies and no store: make it once', async () => {
    const { instance, site, visitor } = await aStage();
    const options = {
      ...leastOptions,
      callbackURL: site.callbackURL,
      developmentInstances: [instance.origin],
      passReqToCallback: false as const,
    };
    const causes: unknown[] = [];
    const login: RequestHandler = (req, res) => {
      const made = new MastodonStrategy(options, async () => ({ id: 1 }));
      const done = (_error: unknown, _user: unknown, info?: object) => {
        causes.push((info as { cause?: Error }).cause?.message);
        res.end();
      };
      (site.passport.authenticate(made, done) as RequestHandler)(req, res, () => res.end());
    };
    site.app.get('/each/:instance', login);
    site.app.post('/each', login);
    const away = await visitor.post(`${site.origin}/each`, { instance: instance.host });
    const callback = await visitor.approve(away.location ?? '');
    await open(visitor, callback.replace('/auth/mastodon/callback/', '/each/'));
    expect(causes).toEqual([expect.stringMatching(/make it once, outside of the routes/)]);
  });
});

describe('a developer types a server that is not listed', () => {
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
  ])('%s: warned which option to set, and the visitor does not read it', async (typed, origin) => {
    const { instance, site } = await aStage();
    for (let turn = 0; turn < 2; turn++) {
      const page = await start(new Visitor(), site, typed);
      expect(page.json()).toMatchObject({ code: 'instance_invalid' });
      expect(page.text).not.toContain('developmentInstances');
    }
    expect(allWarnings()).toEqual([
      [expect.stringContaining(`set the option developmentInstances: ['${origin}']`), 'MASTODON_NOT_LISTED'],
    ]);
    expect(warningsOf('MASTODON_NOT_LISTED')[0]).toContain(`Now it lists ${instance.origin}`);
  });

  it.each(['', 'mastodon', 'mastodon.social:443', '8.8.8.8', '12', 'a word'])(
    'not warned of %j, which visitors type by mistake',
    async (typed) => {
      const { site } = await aStage();
      await start(new Visitor(), site, typed);
      expect(warningsOf('MASTODON_NOT_LISTED')).toEqual([]);
    },
  );
});

it('no authorization response arrives: warned when the same browser begins again', async () => {
  const { instance, site, visitor } = await aStage({
    options: { callbackURL: 'http://localhost:1/somewhere/else' },
  });
  await leave(visitor, site, instance.host);
  await leave(new Visitor(), site, instance.host);
  expect(allWarnings()).toEqual([]);
  await leave(visitor, site, instance.host);
  await leave(visitor, site, instance.host);
  expect(warningsOf('MASTODON_NO_ANSWER')).toEqual([
    expect.stringMatching(
      /http:\/\/localhost:1\/somewhere\/else\/:instance.* a route for \/somewhere\/else\/:instance/,
    ),
  ]);
});

it('a response has arrived: a visitor who begins twice causes no warning', async () => {
  const stage = await aStage();
  await logIn({ ...stage, visitor: new Visitor() });
  await leave(stage.visitor, stage.site, stage.instance.host);
  await leave(stage.visitor, stage.site, stage.instance.host);
  expect(allWarnings()).toEqual([]);
});

describe('the typed text does not arrive', () => {
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
    expect(warningsOf('MASTODON_NO_BODY')).toEqual([expect.stringContaining(parser)]);
  });

  it('there is a parser for another type, which leaves an empty body (Express 4)', async () => {
    await post('application/x-www-form-urlencoded', 'instance=mastodon.social', (req, _res, next) => {
      req.body = {};
      next();
    });
    expect(warningsOf('MASTODON_NO_BODY')).toEqual([expect.stringContaining('req.body is empty')]);
  });

  it('a script sends text, which no parser reads', async () => {
    const { site } = await aStage();
    const body = JSON.stringify({ instance: 'mastodon.social' });
    await fetch(`${site.origin}/auth/mastodon`, { method: 'POST', body });
    expect(warningsOf('MASTODON_NO_BODY')).toEqual([expect.stringContaining('text/plain')]);
  });

  it('the field has another name', async () => {
    await post('application/x-www-form-urlencoded', 'server=mastodon.social', true);
    expect(warningsOf('MASTODON_NO_FIELD')).toEqual([
      expect.stringMatching(/has no field "instance" \(there is "server"\).* instanceField/),
    ]);
  });

  it('the field of a link or of a GET form has another name', async () => {
    const { site } = await aStage();
    await new Visitor().get(`${site.origin}/auth/mastodon?server=mastodon.social`);
    expect(warningsOf('MASTODON_NO_FIELD')).toEqual([expect.stringContaining('(there is "server")')]);
  });

  it('a body that was sent with a wrong type is not shown', async () => {
    const json = '{"password":"hunter2","server":"mastodon.social"}';
    await post('application/x-www-form-urlencoded', json, true);
    expect(warningsOf('MASTODON_NO_FIELD')).toHaveLength(1);
    expect(warningsOf('MASTODON_NO_FIELD')[0]).not.toMatch(/password|hunter2/);
  });

  it.each([
    ['application/x-www-form-urlencoded', '', true],
    ['constructor', 'instance=mastodon.social', false],
    ['__proto__', 'instance=mastodon.social', false],
    ['text/plain', 'mastodon.social', true],
  ])('not warned of %s %j', async (type, body, parse) => {
    await post(type, body, parse);
    expect(allWarnings()).toEqual([]);
  });
});

it('allowInstance returns nothing: the warning names the option', async () => {
  const { instance, site, visitor } = await aStage({ options: { allowInstance: (() => {}) as never } });
  await start(visitor, site, instance.host);
  expect(warningsOf('MASTODON_LOGIN_FAILED')).toEqual([
    expect.stringContaining('the option allowInstance returned undefined'),
  ]);
});

it('there is no session: a warning, and the error names the fix', async () => {
  const { instance, site, visitor } = await aStage({ session: false });
  expect((await start(visitor, site, instance.host)).status).toBe(500);
  expect(warningsOf('MASTODON_NO_SESSION')).toEqual([
    expect.stringMatching(/needs a session.*express-session/),
  ]);
  expect(site.errors).toEqual([new Error(warningsOf('MASTODON_NO_SESSION')[0])]);
});

describe.each([undefined, 'production'])(
  'the session is lost on the way back, with NODE_ENV %s',
  (environment) => {
    beforeEach(() => {
      if (environment !== undefined) process.env['NODE_ENV'] = environment;
    });
    const stageWith = (session: Partial<SessionOptions> = {}) =>
      aStage({ session, options: { store: new JSONStore() } });

    it.each<[string, Partial<SessionOptions>, RegExp]>([
      ['a secure cookie over http', { cookie: { secure: true } }, /"secure".*trust proxy/],
      ['a strict cookie', { cookie: { sameSite: 'strict' } }, /sameSite: 'strict'.*'lax'/],
      [
        'a cookie for other sites that is not secure',
        { cookie: { sameSite: 'none' } },
        /sameSite: 'none'.*'lax'/,
      ],
    ])('%s: warned at the start already, and once', async (_why, session, expected) => {
      const stage = await stageWith(session);
      await leave(stage.visitor, stage.site, stage.instance.host);
      expect(warningsOf('MASTODON_NO_SESSION')).toEqual([expect.stringMatching(expected)]);
      await logIn(stage, new Visitor());
      expect(warningsOf('MASTODON_NO_SESSION')).toHaveLength(1);
    });

    it('a secure cookie, behind a proxy with TLS that the application does not trust', async () => {
      const stage = await stageWith({ cookie: { secure: true } });
      const headers = { 'X-Forwarded-Proto': 'https' };
      const begun = await stage.visitor.post(
        `${stage.site.origin}/auth/mastodon`,
        { instance: stage.instance.host },
        headers,
      );
      const callback = await stage.visitor.approve(begun.location ?? '');
      // express-session with `proxy: true` would have sent the cookie.
      expect(warningsOf('MASTODON_NO_SESSION')).toEqual([]);
      expect((await stage.visitor.get(callback, headers)).json().code).toBe('login_expired');
      expect(warningsOf('MASTODON_NO_SESSION')).toEqual([expect.stringMatching(/"secure".*trust proxy/)]);
    });

    it('another browser: a warning in development only, because visitors do that', async () => {
      await logIn(await stageWith(), new Visitor());
      const expected = environment === undefined ? [expect.stringMatching(/another host name/)] : [];
      expect(warningsOf('MASTODON_NO_SESSION')).toEqual(expected);
    });

    it.each<[string, SessionOptions['proxy'], object]>([
      ['a trusted proxy', undefined, {}],
      ['express-session with proxy: true', true, {}],
    ])('not warned with a secure cookie and %s', async (_what, proxy) => {
      const trusting = () => express().set('trust proxy', proxy === undefined);
      const session = { cookie: { secure: true }, ...(proxy && { proxy }) };
      const stage = await aStage({ session, express: trusting, options: { store: new JSONStore() } });
      const headers = { 'X-Forwarded-Proto': 'https' };
      const { site, visitor, instance } = stage;
      const begun = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host }, headers);
      const callback = await visitor.approve(begun.location ?? '');
      expect((await visitor.get(callback, headers)).status).toBe(302);
      expect(warningsOf('MASTODON_NO_SESSION')).toEqual([]);
    });

    it('a made-up state, which strangers can send, causes no warning', async () => {
      const { site, instance } = await stageWith();
      const response = `${site.callbackURL}/${instance.host}?code=abc&state=${'A'.repeat(43)}`;
      expect((await open(new Visitor(), response)).status).toBe(403);
      expect(warningsOf('MASTODON_NO_SESSION')).toEqual([]);
    });
  },
);

it('a script begins a login: the warning says that it cannot follow the redirect', async () => {
  const { instance, site } = await aStage();
  const body = new URLSearchParams({ instance: instance.host });
  const headers = { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'empty' };
  const init = { method: 'POST', body, headers, redirect: 'manual' } as const;
  await fetch(`${site.origin}/auth/mastodon`, init);
  await fetch(`${site.origin}/auth/mastodon`, init);
  expect(warningsOf('MASTODON_BY_SCRIPT')).toEqual([expect.stringContaining('Submit a form')]);
});

describe('in production, when the strategy is constructed', () => {
  const make = (options: object) => {
    for (let turn = 0; turn < 2; turn++) {
      new MastodonStrategy({ ...leastOptions, passReqToCallback: false, ...options }, async () => false);
    }
  };
  beforeEach(() => (process.env['NODE_ENV'] = 'production'));

  it('there is no store: one warning', () => {
    make({});
    expect(allWarnings()).toEqual([
      [expect.stringContaining('Set the option store'), 'MASTODON_STORE_IN_MEMORY'],
    ]);
  });

  it.each(['http://localhost:3000/callback', 'https://127.0.0.1/callback'])(
    'callbackURL is %s: warned once',
    (callbackURL) => {
      make({ callbackURL, store: new JSONStore() });
      expect(allWarnings()).toEqual([[expect.stringContaining(callbackURL), 'MASTODON_LOCAL_CALLBACK']]);
    },
  );

  it('a site with both causes no warning', () => {
    make({ store: new JSONStore() });
    expect(allWarnings()).toEqual([]);
  });
});

it.each(['production', 'test'])(
  'with NODE_ENV %s visitors cause no warning by what they send',
  async (name) => {
    process.env['NODE_ENV'] = name;
    const stage = await aStage({ options: { store: new JSONStore() } });
    for (let turn = 0; turn < 2; turn++) await leave(stage.visitor, stage.site, stage.instance.host);
    await new Visitor().post(`${stage.site.origin}/auth/mastodon`, { server: 'mastodon.social' });
    await start(new Visitor(), stage.site, 'localhost:4000');
    await start(new Visitor(), stage.site, 'mastodon.social:443');
    expect(allWarnings('MASTODON_LOCAL_CALLBACK')).toEqual([]);
  },
);

it('a log function of the former form is refused, with the new form in the message', () => {
  const log = ((event: string, fields: object) => [event, fields]) as never;
  const make = () =>
    new MastodonStrategy({ ...leastOptions, passReqToCallback: false, log }, async () => false);
  expect(make).toThrow(/^MastodonStrategy: log takes one event, .* log: \(event\) => /);
  const bridge = () => createBridge({ clientName: 'A game', publicURL: 'https://game.example', log });
  expect(bridge).toThrow(/^createBridge: log takes one event/);
});
