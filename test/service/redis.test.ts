/** Two processes of the service behind one address, with a real Redis between them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectRedis } from '../../lib/service/backends.js';
import { redisStore } from '../../lib/stores/index.js';
import { Client, press } from '../bridge/stage';
import { startInstance, type StandIn } from '../support/instance';
import { freePort } from '../support/free-port';
import { redisAvailable, startRedis, type Redis } from '../support/redis';
import { Visitor } from '../support/visitor';
import { killAll, lines, startService, startServiceAt, type Service } from './service-process';

const missing = redisAvailable();
const withRedis = missing === undefined ? describe : describe.skip;

withRedis(`with Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let redis: Redis;
  let instance: StandIn;
  let folder: string;

  beforeAll(async () => {
    [redis, instance] = await Promise.all([startRedis(), startInstance()]);
    folder = mkdtempSync(join(tmpdir(), 'service-redis-'));
  });
  afterEach(killAll);
  afterAll(async () => {
    await Promise.all([redis.stop(), instance.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Behind a proxy all processes have one public address, whose port is unused here. */
  const config =
    (url: string) =>
    (port: number): string => `app_name: A game
app_host: localhost:1
app_scheme: http
listen: ${port}
redis_url: ${url}
development_instances: ${instance.origin}
`;
  const start = (): Promise<Service> => startService(folder, config(redis.url));

  const at = (port: number, url: string): string => url.replace('//localhost:1/', `//127.0.0.1:${port}/`);

  async function agree(url: string, port: number): Promise<void> {
    const visitor = new Visitor();
    const callback = await visitor.approve((await press(visitor, at(port, url))).location ?? '');
    await visitor.follow(await visitor.get(at(port, callback)));
  }

  it('a login that ends in one process reaches the WebSocket in the other one, and no other', async () => {
    const [a, b] = [await start(), await start()];
    const mine = await Client.open(`ws://127.0.0.1:${a.port}/`);
    const others = await Promise.all(
      [a, b].map(async ({ port }) => {
        const client = await Client.open(`ws://127.0.0.1:${port}/`);
        await client.request(instance.host);
        return client;
      }),
    );
    await agree((await mine.request(instance.host)).url, b.port);
    const { token } = await mine.hear('fulfill');
    expect(instance.tokens.get(token)).toMatchObject({ username: 'alice' });
    await pause(200);
    expect(others.map(({ heard }) => heard)).toEqual([[], []]);
    expect(instance.registrations).toBe(1);
    expect(await Promise.all([a, b].map(({ process }) => process.kill('SIGTERM')))).toEqual([0, 0]);
    expect([...a.process.output, ...b.process.output].join('\n')).not.toContain(token);
  });

  it('continues without Redis, and reconnects', async () => {
    const { process: service, port } = await start();
    await redis.stop();
    await lines(service, /"event":"redis_lost"/);
    expect((await new Visitor().get(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    await redis.restart();
    await lines(service, /"event":"redis_found"/);
    const client = await Client.open(`ws://127.0.0.1:${port}/`);
    await agree((await client.request(instance.host)).url, port);
    await client.hear('fulfill');
  });

  it('does not start without one, and does not print its password', async () => {
    const port = await freePort();
    const { process: service } = await startService(folder, config(`redis://user:s3cret@127.0.0.1:${port}`));
    expect(await service.ended).toBe(1);
    expect(service.errors()).toMatch(/\.yml:5: redis_url: cannot be reached \(ECONNREFUSED\)\n$/);
    expect(service.errors() + service.output.join()).not.toContain('s3cret');
  });

  it('does not start with a wrong password, and says so', async () => {
    const { process: service } = await startService(
      folder,
      config(redis.url.replace('//', '//user:s3cret@')),
    );
    expect(await service.ended).toBe(1);
    expect(service.errors()).toMatch(/\.yml:5: redis_url: cannot be reached \(WRONGPASS\)\n$/);
  });

  it('ends when it cannot start, although Redis is connected', async () => {
    const { process: running, port } = await start();
    const second = await startServiceAt(port, folder, config(redis.url));
    expect(await second.ended).toBe(1);
    expect(second.errors()).toMatch(/\.yml:4: listen: .* is in use by another program\n$/);
    expect(await running.kill('SIGTERM')).toBe(0);
  });

  it('keeps values for their time to live, and gives each deletion to one caller', async () => {
    const client = await connectRedis(redis.url, () => undefined);
    const store = redisStore(client);
    expect(await store.get('a')).toBeUndefined();
    expect(await store.set('a', { b: [1, 'ü'] }, 60_000.5)).toBe(true);
    expect(await store.get('a')).toEqual({ b: [1, 'ü'] });
    const deleted = await Promise.all([store.delete('a'), store.delete('a'), store.delete('a')]);
    expect(deleted.filter(Boolean)).toHaveLength(1);
    await store.set('short', 1, 1);
    await store.set('endless', 1);
    await pause(20);
    expect([await store.get('short'), await store.get('endless')]).toEqual([undefined, 1]);
    client.destroy();
  });
});
