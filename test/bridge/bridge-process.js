/**
 * A bridge as a process of its own: `node bridge-process.js <Redis URL> <instance> [<public URL>]`. Writes its
 * origin as a line.
 */

const { createServer } = require('node:http');
const { createClient } = require('@redis/client');
const { createBridge } = require('../../dist/bridge/index.js');
const { redisBus } = require('../../dist/stores/index.js');

async function main() {
  const [url, instance, publicURL] = process.argv.slice(2);
  const client = createClient({ url, disableOfflineQueue: true });
  client.on('error', () => undefined);
  await client.connect();
  const store = {
    get: async (key) => JSON.parse((await client.get(key)) ?? 'null') ?? undefined,
    set: (key, value, ttl) => client.set(key, JSON.stringify(value), ttl === undefined ? {} : { PX: ttl }),
    delete: async (key) => (await client.del(key)) > 0,
  };
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://localhost:${server.address().port}`;
  const bridge = createBridge({
    clientName: 'A game of several processes',
    publicURL: publicURL || origin,
    developmentInstances: [instance],
    store,
    bus: redisBus(client),
    limits: { messagesPerMinute: 1000, requestsPerSocket: 100 },
  });
  server.on('request', bridge.router);
  bridge.attach(server);
  process.stdout.write(`${origin}\n`);
}

void main();
