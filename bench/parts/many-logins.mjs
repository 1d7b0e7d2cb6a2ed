/** Many first logins at once: how often the site registers. */

import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spread } from '../numbers.mjs';
import { manyHosts, startsAt } from '../site-of.mjs';

export async function manyLogins(stage) {
  return [
    await loginsAt(stage, { count: 1000, instances: 1 }),
    await loginsAt(stage, { count: 10_000, instances: 100 }),
    ...(await processesOnRedis(stage)),
  ];
}

async function loginsAt({ instance, load, site, httpPort }, { count, instances }) {
  const hosts = manyHosts(instances, httpPort);
  const ours = await site('ours', { scheme: 'http', known: { count: instances, port: httpPort } });
  await instance.ask('requests');
  await load.ask('starts', { port: ours.port, paths: startsAt(hosts), count, atOnce: 1000 });
  const registrations = await registrationsAt(instance);
  await ours.stop();
  const where = instances === 1 ? 'one instance' : `${instances} instances`;
  return {
    what: `${count.toLocaleString('en')} first logins, 1,000 at once, at ${where}: registrations`,
    unit: '',
    ours: spread([registrations]),
  };
}

async function registrationsAt(instance) {
  const asked = await instance.ask('requests');
  return asked.filter(({ path }) => path === '/api/v1/apps').length;
}

/** At an instance that answers after 100 ms, so that all of them have begun before the first is done. */
async function processesOnRedis({ instance, load, site }) {
  const redis = await startRedis();
  if (!redis) return [];
  const registrations = [];
  const times = [];
  for (let round = 0; round < 3; round++) {
    const store = `${redis.url}/${round}`;
    const sites = await Promise.all(Array.from({ length: 8 }, () => site('ours', { scheme: 'http', store })));
    await instance.ask('requests');
    await instance.ask('delay', 100);
    const took = await Promise.all(
      sites.map(({ port, paths }) => load.ask('starts', { port, paths, count: 20, atOnce: 20 })),
    );
    await instance.ask('delay', 0);
    registrations.push(await registrationsAt(instance));
    times.push(Math.max(...took));
    await Promise.all(sites.map((one) => one.stop()));
  }
  await redis.stop();
  const what = 'Eight processes on one Redis, 20 first logins each at once';
  return [
    { what: `${what}: registrations`, unit: '', ours: spread(registrations) },
    { what: `${what}: until the last redirect`, unit: 'ms', ours: spread(times) },
  ];
}

async function startRedis() {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  free.close();
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'));
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const text of server.stdout) if (String(text).includes('Ready to accept')) break;
  server.stdout.destroy();
  const stop = async () => {
    server.kill();
    await once(server, 'exit');
    rmSync(folder, { recursive: true });
  };
  return { url: `redis://127.0.0.1:${port}`, stop };
}
