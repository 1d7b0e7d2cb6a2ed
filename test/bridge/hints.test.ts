/** What a first-time builder of a bridge does wrong, and what they are told: once, and only while they build. */

import { once } from 'node:events';
import express from 'express';
import WebSocket from 'ws';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBridge } from '../../lib/bridge';
import { allTold, told, whileBuilding } from '../support/hints';
import { startInstance, type StandIn } from '../support/instance';
import { Visitor } from '../support/visitor';
import { agree, closeAll, startBridge } from './stage';

whileBuilding();

let instance: StandIn;
beforeEach(async () => (instance = await startInstance()));
afterEach(async () => {
  await closeAll();
  await instance.close();
});

it('a bridge without mistakes is told nothing', async () => {
  const { connect } = await startBridge([instance]);
  for (let turn = 0; turn < 2; turn++) {
    const client = await connect();
    const { url } = await client.request(instance.host);
    expect((await agree(new Visitor(), url)).status).toBe(200);
  }
  expect(allTold()).toEqual([]);
});

it.each([
  ['in http.createServer', (router: Router) => createServer(router)],
  ['in Express', (router: Router) => createServer(express().use(router))],
])('attach is forgotten %s: told when the first client comes', async (_where, serve) => {
  const bridge = createBridge({ clientName: 'A game', publicURL: 'http://localhost:3000' });
  const server = serve(bridge.router).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  try {
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('404');
    expect(told('MASTODON_NOT_ATTACHED')).toEqual([expect.stringContaining('call attach(server)')]);
  } finally {
    server.close();
    await bridge.close();
  }
});

it('the router is elsewhere than publicURL says: told when a second login is asked for', async () => {
  const { connect, origin } = await startBridge([instance], {
    base: '/somewhere',
    serve: ({ router }) => express().use('/else', router),
  });
  for (let turn = 0; turn < 2; turn++) {
    const client = await connect();
    const { url } = await client.request(instance.host);
    expect((await new Visitor().get(url)).status).toBe(404);
  }
  expect(told('MASTODON_NO_VISIT')).toEqual([expect.stringContaining(`${origin}/somewhere/auth/`)]);
});

it('a client names a server of its own, which is not listed', async () => {
  const client = await (await startBridge([])).connect();
  client.ask('localhost:4000');
  expect(await client.hear('invalid-host')).toMatchObject({ code: 'instance_invalid' });
  expect(told('MASTODON_NOT_LISTED')).toEqual([
    expect.stringMatching(/developmentInstances: .*development_instances: \[http:\/\/localhost:4000\]/),
  ]);
});

it('in production nothing is told, as anybody could set it off', async () => {
  process.env['NODE_ENV'] = 'production';
  const { connect } = await startBridge([instance]);
  for (let turn = 0; turn < 2; turn++) await (await connect()).request(instance.host);
  expect(allTold().filter(([, code]) => code !== 'MASTODON_STORE_IN_MEMORY')).toEqual([]);
});

type Router = ReturnType<typeof createBridge>['router'];
