/** Where the issuer's router may stand: at a path, in an application, behind a proxy that takes a path away. */

import express from 'express';
import * as openid from 'openid-client';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { anIssuer, discover, logIn, television } from './stage';

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
