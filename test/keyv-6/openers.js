/** Opens a Keyv 6, in memory and with its own adapters. */

const { Keyv } = require('keyv');
const { pooled } = require('../databases/pools.js');
const { closeForGood } = require('../support/redis-keyv.ts');

function opened(store, close = async () => undefined) {
  const backend = new Keyv(store);
  // Without a listener, an error would be thrown outside of any awaited call.
  backend.on('error', () => undefined);
  return { backend, close };
}

exports.memory = async () => opened(undefined);

/** Any storage adapter that Keyv accepts. */
exports.around = (store) => opened(store).backend;

exports.embedded = async (path) => {
  const { openEmbeddedStore } = require('../../lib/stores/index.ts');
  const store = await openEmbeddedStore(path);
  return opened(store, () => store.close());
};

exports.redis = async (url) => {
  const { createClient, default: KeyvRedis } = require('@keyv/redis');
  const client = createClient({ url, disableOfflineQueue: true });
  const adapter = new KeyvRedis(client);
  await adapter.getClient();
  return opened(adapter, () => closeForGood(adapter, client));
};

exports.postgres = async (url) => {
  const { adapter, close } = await pooled(require('@keyv/postgres').default, url);
  return opened(adapter, close);
};
