/** Several bridges that share a store and a bus: in one process, and as processes with a real Redis. */

import { createClient } from '@redis/client';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { redisBus } from '../../lib/stores';
import { localBus, type Bus } from '../../lib/stores/bus';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { redisAvailable, startRedis, type Redis } from '../support/redis';
import { Visitor } from '../support/visitor';
import { killAll, lines, startNode, type NodeProcess } from '../service/service-process';
import { agree, Client, press, startBridge, until } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));
afterEach(killAll);

/** The same URL at another process, like behind a load balancer. */
const at = (origin: string, url: string): string => url.replace(new URL(url).origin, origin);

describe('two bridges with one store and one bus', () => {
  const start = async (bus: Bus) => {
    const store = new Map<string, unknown>();
    const a = await startBridge([instance], { store, bus });
    // Both have one public address; the test sends browsers to one or the other.
    const b = await startBridge([instance], { store, bus, publicURL: a.origin });
    return { a, b, store };
  };

  it('bring the token to the client that asked, and to no other', async () => {
    const { a, b } = await start(localBus());
    const [client, ...others] = [await a.connect(), await a.connect(), await b.connect()];
    for (const other of others) await other.request(instance.host);
    const { url } = await client!.request(instance.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, at(b.origin, url));
    const callback = await visitor.approve(location ?? '');
    // A real browser ignores ports when it sends cookies.
    visitor.jars.set(new URL(a.origin).host, new Map(visitor.jars.get(new URL(b.origin).host)));
    expect((await visitor.get(at(b.origin, callback))).status).toBe(200);
    await client!.hear('fulfill');
    for (const other of others) expect(await other.hearsNothing()).toBe(true);
    expect(a.bridge.status().pending).toBe(1);
  });

  it('bind a request to one browser together', async () => {
    const { a, b } = await start(localBus());
    const { url } = await (await a.connect()).request(instance.host);
    const first = await press(new Visitor(), at(b.origin, url));
    expect(first.status).toBe(303);
    expect((await new Visitor().get(url)).status).toBe(409);
  });

  it('forward a denial', async () => {
    const { a, b } = await start(localBus());
    const client = await a.connect();
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, at(b.origin, url));
    const callback = await visitor.deny(location ?? '');
    expect((await visitor.get(at(b.origin, callback))).status).toBe(403);
    expect((await client.hear('error')).code).toBe('access_denied');
  });

  it('do not redirect a visitor for a client whose process has ended', async () => {
    const { a, b, store } = await start(localBus());
    const client = await a.connect();
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    const before = new Map(store);
    await visitor.get(at(b.origin, url));
    await a.bridge.close();
    // Like after a crash, which cleans nothing up.
    for (const [key, value] of before) store.set(key, value);
    await expect(press(visitor, at(b.origin, url))).resolves.toMatchObject({ status: 404 });
    expect(instance.registrations).toBe(0);
  });

  it('keep a request while the connection of its process to the bus is opened again', async () => {
    const inner = localBus();
    let isBack = false;
    const publish = async (channel: string, text: string) => (isBack ? inner.publish(channel, text) : 0);
    const { a, b } = await start({ ...inner, publish });
    const client = await a.connect();
    const url = at(b.origin, (await client.request(instance.host)).url);
    const visitor = new Visitor();
    expect((await press(visitor, url)).status).toBe(404);
    isBack = true;
    expect((await press(visitor, url)).status).toBe(303);
  });

  it('do not fetch a token when no client is connected to receive it', async () => {
    const { a, b, store } = await start(localBus());
    const client = await a.connect();
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, at(b.origin, url));
    const callback = await visitor.approve(location ?? '');
    const before = new Map(store);
    await a.bridge.close();
    for (const [key, value] of before) store.set(key, value);
    const exchanges = instance.requestsTo('POST /oauth/token').length;
    expect((await visitor.get(at(b.origin, callback))).status).toBe(403);
    expect(instance.requestsTo('POST /oauth/token')).toHaveLength(exchanges);
  });

  it('need no bus for a login that stays on one of them', async () => {
    const bus = localBus();
    const { a } = await start({
      subscribe: (channel, listener) => bus.subscribe(channel, listener),
      publish: () => Promise.reject(new Error('the bus is down')),
    });
    const client = await a.connect();
    const { url } = await client.request(instance.host);
    expect((await agree(new Visitor(), url)).status).toBe(200);
    await client.hear('fulfill');
  });

  it('report it when they cannot subscribe to the bus, and recover', async () => {
    const bus = localBus();
    let isDown = true;
    const { a } = await start({
      publish: (channel, text) => bus.publish(channel, text),
      subscribe: (channel, listener) =>
        isDown ? Promise.reject(new Error('the bus is down')) : bus.subscribe(channel, listener),
    });
    const client = await a.connect();
    client.ask(instance.host);
    expect((await client.hear('error')).code).toBe('store_failed');
    isDown = false;
    await client.request(instance.host);
  });

  it('do not accept forged messages on the bus', async () => {
    const bus = localBus();
    const channels: string[] = [];
    const { a } = await start({
      publish: (channel, text) => bus.publish(channel, text),
      subscribe: (channel, listener) => {
        channels.push(channel);
        return bus.subscribe(channel, listener);
      },
    });
    const [client, other] = [await a.connect(), await a.connect()];
    const { id } = await client.request(instance.host);
    expect(channels).toHaveLength(1);
    for (const text of ['', '{', 'null', '[]', '{"id":7,"text":"x"}', '{"id":"unknown","text":"x"}']) {
      await bus.publish(channels[0] ?? '', text);
    }
    await bus.publish(channels[0] ?? '', JSON.stringify({ id, text: '' }));
    expect(await client.hearsNothing(50)).toBe(true);
    expect(await other.hearsNothing(1)).toBe(true);
    expect(a.bridge.status().pending).toBe(1);
  });
});

const why = redisAvailable();
(why === undefined ? describe : describe.skip)(`Redis ${why ?? ''}`, () => {
  let redis: Redis;
  beforeAll(async () => (redis = await startRedis()));
  afterAll(() => redis.stop());

  const startProcess = async (publicURL = ''): Promise<{ origin: string; process: NodeProcess }> => {
    const program = join(__dirname, 'bridge-process.js');
    const started = startNode([program, redis.url, instance.origin, publicURL]);
    return { origin: await lines(started, /^http/), process: started };
  };
  const connect = ({ origin }: { origin: string }) => Client.open(origin.replace('http', 'ws'));

  it('brings the token from process to process', async () => {
    const a = await startProcess();
    const b = await startProcess(a.origin);
    const [client, bystander, other] = [await connect(a), await connect(a), await connect(b)];
    await bystander.request(instance.host);
    await other.request(instance.host);
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, at(b.origin, url));
    const callback = await visitor.approve(location ?? '');
    expect((await visitor.get(at(b.origin, callback))).status).toBe(200);
    const { token } = await client.hear('fulfill');
    expect(instance.tokens.has(token)).toBe(true);
    expect(await bystander.hearsNothing()).toBe(true);
    expect(await other.hearsNothing()).toBe(true);
    expect((await visitor.get(at(b.origin, url))).status).toBe(404);
  });

  it('survives the death of a process: its clients begin again at another one', async () => {
    const a = await startProcess();
    const b = await startProcess(a.origin);
    const client = await connect(a);
    const begun = await client.request(instance.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, at(b.origin, begun.url));
    const callback = await visitor.approve(location ?? '');
    await a.process.kill('SIGKILL');
    expect(await client.ended).toBe(1006);

    const again = await connect(b);
    const { url } = await again.request(instance.host);
    // The visitor returns after the client has disconnected: no client receives the token.
    expect((await visitor.get(at(b.origin, callback))).status).toBe(403);
    expect((await visitor.get(at(b.origin, begun.url))).status).toBe(200);
    expect((await press(visitor, at(b.origin, begun.url))).status).toBe(404);
    expect(await again.hearsNothing()).toBe(true);

    const next = await press(visitor, at(b.origin, url));
    expect((await visitor.get(at(b.origin, await visitor.approve(next.location ?? '')))).status).toBe(200);
    await again.hear('fulfill');
  });

  it('is subscribed to with a separate connection, which ends with the last subscription', async () => {
    const client = createClient({ url: redis.url });
    await client.connect();
    const count = async () => (await client.sendCommand(['CLIENT', 'LIST'])).toString().split('\n').length;
    const before = await count();
    const bus = redisBus(client);
    const heard: string[] = [];
    const stops = await Promise.all(
      ['one', 'two'].map((channel) => bus.subscribe(channel, (text) => heard.push(`${channel} ${text}`))),
    );
    expect(await bus.publish('one', 'a')).toBe(1);
    expect(await bus.publish('three', 'b')).toBe(0);
    await until(() => heard.length === 1);
    expect(heard).toEqual(['one a']);
    expect(await count()).toBe(before + 1);
    for (const stop of stops) await stop();
    expect(await bus.publish('one', 'c')).toBe(0);
    expect(await count()).toBe(before);
    client.destroy();
  });

  it('may be down for a while', async () => {
    const a = await startProcess();
    const client = await connect(a);
    await client.request(instance.host);
    await redis.restart();
    let heard: { type?: string } = {};
    // Refusals arrive at once, and the connection is back within a second. A client may ask 120 times a minute.
    for (let tries = 0; tries < 100 && heard.type !== 'set-id'; tries++) {
      if (tries > 0) await pause(100);
      client.ask(instance.host);
      await until(() => client.heard.length > 0);
      heard = client.heard.shift();
    }
    expect(heard.type).toBe('set-id');
    const { url } = (heard as { parameters: { url: string } }).parameters;
    expect((await agree(new Visitor(), url)).status).toBe(200);
    await client.hear('fulfill');
  });
});
