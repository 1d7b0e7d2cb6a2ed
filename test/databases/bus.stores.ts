/** The bus between processes of a bridge, over ioredis and over a Redis Cluster of three nodes. */

import { join } from 'node:path';
import { redisBus, type Bus, type RedisPublisher } from '../../lib/stores/index.js';
import { closeAll, press, startBridge } from '../bridge/stage.js';
import { until } from '../support/hostile.js';
import { startInstance } from '../support/instance.js';
import { openStore, type OpenStore } from '../support/open-store.js';
import { redisAvailable } from '../support/redis.js';
import { Visitor } from '../support/visitor.js';
import { startCluster, startRedisLike, type Server } from './servers.js';

const skipped = redisAvailable();
const run = skipped === undefined ? describe : describe.skip;

describe.each([
  ['ioredis', 'ioredis', () => startRedisLike('redis-server'), 1],
  // A cluster does not count subscribers at another node.
  ['a Redis Cluster', 'cluster', startCluster, undefined],
  ['ioredis on a Redis Cluster', 'ioredisClusterWithQueue', startCluster, undefined],
])('%s', (_name, opener, start, counted) => {
  run(skipped === undefined ? 'on a real server' : `(skipped: ${skipped})`, () => {
    let server: Server;
    const opened: OpenStore[] = [];
    beforeAll(async () => void (server = await start()));
    afterEach(async () => {
      await closeAll();
      for (const one of opened.splice(0)) await one.close();
    });
    afterAll(async () => server.end());

    async function connect(): Promise<OpenStore & { bus: Bus }> {
      const one = await openStore([join(__dirname, 'openers.js'), opener, server.url]);
      opened.push(one);
      return { ...one, bus: redisBus((one as unknown as { client: RedisPublisher }).client) };
    }

    it('delivers each message to every listener of its channel until the listener unsubscribes', async () => {
      const [{ bus }, { bus: other }] = [await connect(), await connect()];
      const heard: string[] = [];
      const listen = (name: string, channel = 'one') =>
        other.subscribe(channel, (text) => heard.push(`${name} ${text}`));
      const stops = [await listen('a'), await listen('b'), await listen('c', 'two')];
      expect(await bus.publish('one', '1')).toBe(counted);
      await until(() => heard.length === 2);
      await stops[0]?.();
      await bus.publish('one', '2');
      await bus.publish('two', '3');
      await until(() => heard.length === 4);
      expect(heard.toSorted()).toEqual(['a 1', 'b 1', 'b 2', 'c 3']);
      for (const stop of stops.slice(1)) await stop();
    });

    it('brings the token to the WebSocket at another process', async () => {
      const instance = await startInstance();
      const [one, two] = [await connect(), await connect()];
      const a = await startBridge([instance], { store: one.backend!, bus: one.bus });
      const b = await startBridge([instance], { store: two.backend!, bus: two.bus, publicURL: a.origin });
      const client = await a.connect();
      const { url } = await client.request(instance.host);
      // The instance knows both by the address of `a`; the visitor uses `b`.
      const at = (address: string) => address.replace(a.origin, b.origin);
      const visitor = new Visitor();
      const { location } = await press(visitor, at(url));
      expect((await visitor.get(at(await visitor.approve(location ?? '')))).status).toBe(200);
      expect(await client.hear('fulfill')).toMatchObject({ token: expect.any(String) });
      await instance.close();
    });
  });
});
