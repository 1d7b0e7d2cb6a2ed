/** One network, or one program, begins as many logins as it can. */

import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, press, startBridge, until, type Stage } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

const from = ({ connect }: Stage, address: string) => connect({ headers: { 'X-Forwarded-For': address } });

it('many logins of one /48 end no login of another network', async () => {
  const stage = await startBridge([instance], {
    limits: { pendingInAll: 4, pendingPerAddress: 2 },
    trustedProxies: 1,
  });
  const early = await from(stage, '203.0.113.7');
  const waiting = await early.request(instance.host);
  const clients = [];
  let last = '';
  for (let i = 1; i <= 3; i++) {
    clients.push(await from(stage, `2001:db8:1:${i}00::1`));
    last = (await clients.at(-1)!.request(instance.host)).id;
  }
  const late = await from(stage, '203.0.113.8');
  const second = await late.request(instance.host);
  expect(await clients.at(-1)!.hear('error')).toMatchObject({ code: 'server_busy', id: last });
  expect(stage.bridge.status().pending).toBe(4);

  // The remaining clients, and the clients before and after them, finish their logins.
  expect((await agree(new Visitor(), waiting.url)).status).toBe(200);
  await early.hear('fulfill');
  expect((await agree(new Visitor(), second.url)).status).toBe(200);
  await late.hear('fulfill');
  // A request that was dropped leaves no usable login.
  await clients[2]!.request(instance.host);
  expect(stage.bridge.status().pending).toBe(3);
});

it('a program whose login makes room during discovery receives one answer to its message', async () => {
  let fail = (): void => undefined;
  const stage = await startBridge([instance], {
    limits: { pendingInAll: 2 },
    trustedProxies: 1,
    allowInstance: (host) =>
      host === instance.host || new Promise((resolve) => (fail = () => resolve(false))),
  });
  const heavy = await from(stage, '203.0.113.7');
  await heavy.request(instance.host);
  heavy.ask('slow.example');
  await until(() => stage.events.length > 0);
  await (await from(stage, '203.0.113.8')).request(instance.host);
  expect((await heavy.hear('error')).code).toBe('server_busy');
  fail();
  expect(await heavy.hearsNothing()).toBe(true);
});

it('one address has no more logins than its quota, until one of them ends', async () => {
  const stage = await startBridge([instance], { limits: { pendingPerAddress: 2 }, trustedProxies: 1 });
  const clients = [await from(stage, '203.0.113.7'), await from(stage, '203.0.113.7')];
  const { url } = await clients[0]!.request(instance.host);
  await clients[1]!.request(instance.host);
  clients[1]!.ask(instance.host);
  expect((await clients[1]!.hear('error')).code).toBe('server_busy');
  await (await from(stage, '203.0.113.8')).request(instance.host);
  expect((await agree(new Visitor(), url)).status).toBe(200);
  await clients[0]!.hear('fulfill');
  await clients[1]!.request(instance.host);
  // Its share of the limit is free again when a client disconnects, too.
  const { sockets } = stage.bridge.status();
  clients[1]!.socket.close();
  await until(() => stage.bridge.status().sockets < sockets);
  await clients[0]!.request(instance.host);
  await clients[0]!.request(instance.host);
});

it('presses of one client’s button drop no other login in a bridge without a store', async () => {
  const stage = await startBridge([instance], { limits: { pendingInAll: 2, messagesPerMinute: 1_000 } });
  const honest = await stage.connect();
  const { url } = await honest.request(instance.host);
  const presser = await stage.connect();
  // Each press begins a login; there is room for a hundred records.
  for (let round = 0; round < 8; round++) {
    const client = round === 0 ? presser : await stage.connect();
    const { url: own } = await client.request(instance.host);
    const visitor = new Visitor();
    for (let i = 0; i < 15; i++) expect((await press(visitor, own)).status).toBe(303);
    client.socket.close();
    await client.ended;
  }
  expect((await agree(new Visitor(), url)).status).toBe(200);
  await honest.hear('fulfill');
});

describe('in a private network', () => {
  it('one client behind the proxy has no more logins than its quota', async () => {
    const stage = await startBridge([instance], { limits: { pendingPerAddress: 2 }, trustedProxies: 1 });
    const client = await from(stage, '10.0.0.7');
    await client.request(instance.host);
    await client.request(instance.host);
    client.ask(instance.host);
    expect((await client.hear('error')).code).toBe('server_busy');
    await (await from(stage, '10.0.0.8')).request(instance.host);
  });

  it('one client behind the proxy has no more connections than its quota', async () => {
    const stage = await startBridge([instance], { limits: { maxSocketsPerAddress: 2 }, trustedProxies: 1 });
    await from(stage, 'fd00::7');
    await from(stage, 'fd00::7');
    await expect(from(stage, 'fd00::7')).rejects.toThrow('429');
    await from(stage, 'fd00:0:0:1::7');
  });

  // Without a proxy's header, the address may be a proxy that all clients share.
  it('all logins of one address without a proxy block no other address', async () => {
    const stage = await startBridge([instance], { limits: { pendingInAll: 4, requestsPerSocket: 4 } });
    const flood = await stage.connect({ localAddress: '127.0.0.2' });
    for (let i = 0; i < 4; i++) await flood.request(instance.host);
    const honest = await stage.connect({ localAddress: '127.0.0.3' });
    const { url } = await honest.request(instance.host);
    expect((await flood.hear('error')).code).toBe('server_busy');
    expect((await agree(new Visitor(), url)).status).toBe(200);
    await honest.hear('fulfill');
  });

  it('all connections of one address without a proxy block no other address', async () => {
    const stage = await startBridge([instance], { limits: { maxSockets: 3 } });
    const flood = [];
    for (let i = 0; i < 3; i++) flood.push(await stage.connect({ localAddress: '127.0.0.2' }));
    await (await stage.connect({ localAddress: '127.0.0.3' })).request(instance.host);
    expect((await flood[2]!.hear('error')).code).toBe('server_busy');
  });
});
