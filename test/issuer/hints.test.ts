/** What is told to who mounts an issuer where its clients refuse it: once, and only while they build. */

import express from 'express';
import { allTold, told, whileBuilding } from '../support/hints';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { anIssuer, ask, discover, logIn, openPage, press } from './stage';

whileBuilding();

const discovery = '/.well-known/openid-configuration';

it('an issuer without mistakes is told nothing', async () => {
  const instance = await anInstance();
  const stage = await anIssuer([instance], {
    base: '/login',
    serve: ({ router }) => express().use('/login', router),
  });
  expect((await logIn(stage, instance)).claims).toMatchObject({ iss: stage.issuerURL });
  expect(allTold().filter(([, code]) => code?.startsWith('MASTODON'))).toEqual([]);
});

it.each([
  ['', '/login'],
  ['/login', '/oidc'],
])('issuerURL has the path "%s", and the router is mounted at %s', async (base, mount) => {
  const { origin } = await anIssuer([], { base, serve: ({ router }) => express().use(mount, router) });
  for (let turn = 0; turn < 2; turn++) expect((await fetch(origin + mount + discovery)).status).toBe(200);
  expect(told('MASTODON_OTHER_PATH')).toEqual([
    expect.stringContaining(`mounted at ${mount}, and issuerURL is ${origin}${base}`),
  ]);
});

it('issuerURL has another port', async () => {
  const { origin } = await anIssuer([], { issuerURL: 'http://localhost:1' });
  await fetch(origin + discovery);
  expect(told('MASTODON_OTHER_NAME')).toEqual([expect.stringContaining('issuerURL is http://localhost:1')]);
});

it('a server of their own is typed, and not listed', async () => {
  const { url } = await ask(await discover(await anIssuer([])));
  const visitor = new Visitor();
  const page = await openPage(visitor, url);
  const fields = { instance: 'localhost:4000', action: 'login' };
  const refused = await press(visitor, page, fields, 'name="instance"');
  expect(refused.text).toContain('That is not the address of a server');
  expect(told('MASTODON_NOT_LISTED')).toEqual([
    expect.stringMatching(/developmentInstances: .*development_instances: \[http:\/\/localhost:4000\]/),
  ]);
});

it('in production nothing is told, as anybody could set it off', async () => {
  process.env['NODE_ENV'] = 'production';
  const { origin } = await anIssuer([], { issuerURL: 'http://localhost:1' });
  await fetch(origin + discovery);
  expect(told('MASTODON_OTHER_NAME')).toEqual([]);
});
