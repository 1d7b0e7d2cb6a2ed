/** Where the issuer's router can be mounted: at a path, in an application, behind a proxy that removes a path. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { get } from 'node:https';
import express from 'express';
import * as openid from 'openid-client';
import { someServers } from '../../lib/button/servers';
import type { Issuer } from '../../lib/issuer';
import { selfSigned } from '../support/certificate';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { aStage, anIssuer, ask, discover, logIn, openPage, television } from './stage';

const express4 = jest.requireActual<typeof express>('express-4');

describe.each([
  ['http.createServer, at a path', { base: '/login' }],
  ['Express, at the root', { serve: ({ router }: Router) => express().use(router) }],
  [
    'Express, at the path of the issuer',
    { base: '/login', serve: ({ router }: Router) => express().use('/login', router) },
  ],
  [
    'Express, at the root, with the issuer at a path',
    { base: '/a/b', serve: ({ router }: Router) => express().use(router) },
  ],
  [
    'Express after a body parser',
    {
      base: '/login',
      serve: ({ router }: Router) =>
        express()
          .use(express.urlencoded({ extended: true }))
          .use(router),
    },
  ],
  [
    'Express 4',
    {
      base: '/login',
      serve: ({ router }: Router) => express4().use('/login', router),
    },
  ],
])('in %s', (_where, options) => {
  it('a login works from start to end, and a device gets its address', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const instance = await anInstance();
    const stage = await anIssuer([instance], options as Parameters<typeof anIssuer>[1]);
    const { claims, config } = await logIn(stage, instance);
    expect(claims).toMatchObject({ iss: stage.issuerURL, nickname: 'alice' });
    expect(config.serverMetadata().jwks_uri).toBe(`${stage.issuerURL}/jwks`);
    const device = await openid.initiateDeviceAuthorization(await discover(stage, television), {});
    expect(device.verification_uri).toBe(`${stage.issuerURL}/device`);
    warn.mockRestore();
  });
});

interface Router {
  readonly router: express.RequestHandler;
}

it('behind a proxy that removes the path, a login works from start to end', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance], {
    base: '/login',
    serve:
      ({ router }) =>
      (req, res) => {
        req.url = (req.url ?? '').replace(/^\/login/, '');
        router(req, res);
      },
  });
  const { claims } = await logIn(stage, instance);
  expect(claims?.iss).toBe(stage.issuerURL);
});

it('leaves other paths to the application', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance], {
    serve: ({ router }) =>
      express()
        .use(router)
        .get('/{*any}', (_req, res) => void res.send('the application')),
  });
  const visitor = new Visitor();
  for (const path of ['/', '/login', '/users/alice', '/device/a/b']) {
    expect((await visitor.get(stage.origin + path)).text).toBe('the application');
  }
});

it('below a path, handles none of the application’s other paths', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance], {
    base: '/sso',
    serve: ({ router }) =>
      express()
        .use(router)
        .use('/{*any}', (_req, res) => void res.send('the application')),
  });
  const visitor = new Visitor();
  for (const path of [
    '/logout',
    '/token',
    '/login/google',
    '/authorize',
    '/device',
    '/callback/x/done',
    '/client/x/metadata',
  ]) {
    expect((await visitor.get(stage.origin + path)).text).toBe('the application');
    expect((await visitor.post(stage.origin + path)).text).toBe('the application');
  }
  expect((await logIn(stage, instance)).claims).toMatchObject({ iss: stage.issuerURL });
});

it('beside another issuer on the same host, does not log users out of that one', async () => {
  const instance = await anInstance();
  const listeners: Issuer['router'][] = [];
  const serve =
    (path: string) =>
    ({ router }: Issuer) => {
      listeners.push((req, res, next) => (req.url?.startsWith(path) ? router(req, res) : next?.()));
      return (req: IncomingMessage, res: ServerResponse) => {
        const [first, second] = listeners;
        first?.(req, res, () => second?.(req, res));
      };
    };
  const tls = selfSigned();
  const one = await anIssuer([instance], { base: '/a', tls, serve: serve('/a') });
  await anIssuer([instance], { issuerURL: `${one.origin}/b`, serve: serve('/b') });
  const names = new Set<string>();
  for (const path of ['/a/device', '/b/device', '/a/authorize', '/b/authorize']) {
    const headers = await new Promise<IncomingMessage['headers']>((resolve, reject) =>
      get(one.origin + path, { ca: tls.cert }, (res) => resolve(res.resume().headers)).on('error', reject),
    );
    for (const cookie of headers['set-cookie'] ?? []) names.add(cookie.split('=')[0] ?? '');
  }
  const hosts = [...names].filter((name) => name.startsWith('__Host-'));
  expect(hosts.length).toBeGreaterThanOrEqual(4);
  expect(new Set(hosts.map((name) => name.replace(/issuer-.{8}-/, ''))).size).toBe(hosts.length / 2);
});

it('at another port of the same host, does not log users out', async () => {
  const instance = await anInstance();
  const stages = [await anIssuer([instance]), await anIssuer([instance])];
  const names = await Promise.all(
    stages.map(async ({ origin }) => {
      const { headers } = await new Visitor().get(`${origin}/device`);
      return (headers['set-cookie'] ?? []).map((cookie) => cookie.split('=')[0]);
    }),
  );
  expect(names[0]).not.toEqual([]);
  expect(names[0]?.filter((name) => names[1]?.includes(name))).toEqual([]);
});

it('that is closed begins and answers nothing more', async () => {
  const { stage } = await aStage();
  await stage.issuer.close();
  for (const path of ['/authorize', '/device', '/logout', '/.well-known/openid-configuration'])
    expect((await fetch(stage.origin + path)).status).toBe(503);
});

it('changes nothing in a request of the application', async () => {
  const instance = await anInstance();
  const changed: string[][] = [];
  const stage = await anIssuer([instance], {
    base: '/login',
    serve: ({ router }) => {
      const application = express();
      application.use('/login', (req, res, next) => {
        const state = () =>
          JSON.stringify([
            req.url,
            req.originalUrl,
            req.headers,
            'end' in { ...res },
            'writeHead' in { ...res },
          ]);
        const before = state();
        res.once('finish', () => changed.push(...(state() === before ? [] : [[before, state()]])));
        next();
      });
      return application.use('/login', router);
    },
  });
  await logIn(stage, instance);
  expect(changed).toEqual([]);
});

it('serves its discovery document also at the path of RFC 8414', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance], { base: '/login' });
  const page = await new Visitor().get(`${stage.origin}/.well-known/oauth-authorization-server/login`);
  expect(page.json()).toMatchObject({ issuer: stage.issuerURL });
});

it('its page runs one script, a separate file, and leaves other files of that name to the application', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance], {
    serve: ({ router }: Router) =>
      express()
        .use(router)
        .get('/button/:file', (req, res) => void res.send(`the site's ${req.params.file}`)),
  });
  const visitor = new Visitor();
  const page = await openPage(visitor, (await ask(await discover(stage), {})).url);
  const [, source = ''] = /<script type="module" src="([^"]+)"><\/script>/.exec(page.text) ?? [];
  expect(source).toMatch(new RegExp(`^${stage.issuerURL}/button/mastodon-login-[\\w-]{16}\\.js$`));
  // The other script is the page's own, allowed by its hash.
  expect(page.text.match(/<script/g)).toHaveLength(2);
  expect(page.headers['content-security-policy']).toMatch(
    /; script-src http:\S+\.js 'sha256-[^ ']+'; require-trusted-types-for 'script'; trusted-types 'none'; /,
  );
  expect(page.headers['content-security-policy']).toContain(` ${source} `);
  const script = await visitor.get(source);
  expect([script.status, script.headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
  expect((await visitor.get(`${stage.issuerURL}/button/other.js`)).text).toBe("the site's other.js");
});

it('suggests servers if any server is allowed, and none if the operator restricts them', async () => {
  const instance = await anInstance();
  const pageAt = async (allowInstance?: () => boolean) => {
    const stage = await anIssuer([instance], allowInstance ? { allowInstance } : {});
    return (await openPage(new Visitor(), (await ask(await discover(stage), {})).url)).text;
  };
  const serversOn = (page: string) => / servers="([^"]*)"/.exec(page)?.[1]?.split(' ');
  expect(serversOn(await pageAt())).toEqual([instance.host, ...someServers]);
  expect(serversOn(await pageAt(() => true))).toEqual([instance.host]);
});

it('its page allows a form to redirect to any site, because clients may redirect further', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance]);
  const page = await openPage(new Visitor(), (await ask(await discover(stage))).url);
  expect(page.headers['content-security-policy']).not.toContain('form-action');
});
