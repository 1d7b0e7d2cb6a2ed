/** Opens a Keyv on each database with Keyv's own adapter, as its documentation does. */

const { once } = require('node:events');
const { Keyv } = require('keyv');
const { closeForGood } = require('../support/redis-keyv.ts');
const { pooled } = require('./pools.js');

function opened(adapter, close) {
  const backend = new Keyv({ store: adapter });
  // Without a listener a lost connection would end the process.
  backend.on('error', () => undefined);
  return { backend, close };
}

exports.redis = async (url) => {
  const { default: KeyvRedis } = require('@keyv/redis');
  // Not the adapter's own client, which assigns responses to the wrong requests after a restart of Redis.
  const { createClient } = require('@redis/client');
  // A command fails at once while Redis is down. Sessions would wait, because they have no time limit of their own.
  const client = createClient({ url, disableOfflineQueue: true });
  const adapter = new KeyvRedis(client);
  await adapter.getClient();
  return opened(adapter, () => closeForGood(adapter, client));
};

exports.valkey = async (url) => {
  const { default: KeyvValkey } = require('@keyv/valkey');
  const adapter = new KeyvValkey(url);
  return opened(adapter, () => adapter.disconnect());
};

async function inPool(Adapter, url) {
  const { adapter, close } = await pooled(Adapter, url);
  return opened(adapter, close);
}

exports.postgres = async (url) => inPool(require('@keyv/postgres').default, url);
exports.mariadb = async (url) => inPool(require('@keyv/mysql').default, url);

exports.memcached = async (address) => {
  const { default: KeyvMemcache } = require('@keyv/memcache');
  const adapter = new KeyvMemcache(address);
  return opened(adapter, async () => adapter.client.close());
};

/** An outage shows at once, and not after twenty attempts. */
const impatient = { maxRetriesPerRequest: 1 };

function onIORedis(client) {
  const { redisStore } = require('../../lib/stores/index.ts');
  client.on('error', () => undefined);
  return { client, backend: redisStore(client), close: async () => client.disconnect() };
}

exports.ioredis = async (url) => {
  const { Redis } = require('ioredis');
  return onIORedis(new Redis(url, impatient));
};

exports.ioredis5 = async (url) => {
  const { Redis } = require('ioredis-5');
  return onIORedis(new Redis(url, impatient));
};

function onIORedisCluster(urls, options) {
  const { Cluster } = require('ioredis');
  return onIORedis(new Cluster(urls.split(','), { redisOptions: impatient, ...options }));
}

/** With its default: commands wait until it is ready, also those of its duplicates. */
exports.ioredisClusterWithQueue = async (urls) => onIORedisCluster(urls, {});

exports.ioredisCluster = async (urls) => {
  const open = onIORedisCluster(urls, { enableOfflineQueue: false });
  await once(open.client, 'ready');
  return open;
};

exports.cluster = async (urls) => {
  const { createCluster } = require('@redis/client');
  const { redisStore } = require('../../lib/stores/index.ts');
  const client = createCluster({
    rootNodes: urls.split(',').map((url) => ({ url })),
    defaults: { disableOfflineQueue: true },
  });
  client.on('error', () => undefined);
  await client.connect();
  return { client, backend: redisStore(client), close: async () => client.destroy() };
};
