/** Where the issuer's router may stand: at a path, in an application, behind a proxy that takes a path away. */

import express from 'express';
import * as openid from 'openid-client';
import { someServers } from '../../lib/button/servers';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { anIssuer, ask, discover, logIn, openPage, television } from './stage';

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
  it('a login goes all the way, and a device gets its address', async () => {
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

it('behind a proxy that takes the path away, a login goes all the way', async () => {
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

it('leaves other addresses to the application', async () => {
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

it('finds its discovery document also where RFC 8414 puts it', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance], { base: '/login' });
  const page = await new Visitor().get(`${stage.origin}/.well-known/oauth-authorization-server/login`);
  expect(page.json()).toMatchObject({ issuer: stage.issuerURL });
});

it('its page runs one script, a file of its own, and leaves other files of that name to the application', async () => {
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
  expect(page.text.match(/<script/g)).toHaveLength(1);
  expect(page.headers['content-security-policy']).toContain(
    `; script-src ${source}; require-trusted-types-for 'script'; trusted-types 'none'; `,
  );
  const script = await visitor.get(source);
  expect([script.status, script.headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
  expect((await visitor.get(`${stage.issuerURL}/button/other.js`)).text).toBe("the site's other.js");
});

it('suggests servers where any may do, and none where the operator chooses', async () => {
  const instance = await anInstance();
  const pageAt = async (allowInstance?: () => boolean) => {
    const stage = await anIssuer([instance], allowInstance ? { allowInstance } : {});
    return (await openPage(new Visitor(), (await ask(await discover(stage), {})).url)).text;
  };
  const serversOn = (page: string) => / servers="([^"]*)"/.exec(page)?.[1]?.split(' ');
  expect(serversOn(await pageAt())).toEqual([instance.host, ...someServers]);
  expect(serversOn(await pageAt(() => true))).toEqual([instance.host]);
});

it("its page lets a form lead to a program's own scheme, and to no other's", async () => {
  const instance = await anInstance();
  const redirectURI = 'com.example.app:/callback';
  const native = {
    ...{ client_id: 'native', application_type: 'native', token_endpoint_auth_method: 'none' },
    redirect_uris: [redirectURI],
  };
  const stage = await anIssuer([instance], { clients: [native] });
  const { url } = await ask(await discover(stage, native), { redirect_uri: redirectURI });
  const page = await openPage(new Visitor(), url);
  const policy = String(page.headers['content-security-policy']);
  expect(/form-action ([^;]*)/.exec(policy)?.[1]).toBe(`'self' https: ${instance.origin} com.example.app:`);
});
