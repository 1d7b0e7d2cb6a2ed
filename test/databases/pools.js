/** Some adapters keep one pool for the process, and who disconnects closes it for all: the last one does. */

const users = new Map();

exports.pooled = async (Adapter, url) => {
  const adapter = new Adapter(url);
  // It creates its table meanwhile, and must not be interrupted.
  await adapter.query('SELECT 1');
  users.set(url, (users.get(url) ?? 0) + 1);
  const close = async () => {
    users.set(url, users.get(url) - 1);
    if (users.get(url) === 0) await adapter.disconnect();
  };
  return { adapter, close };
};

/**
 * Keyv's adapter for Redis connects again for a write that comes after its end, as one in the background may. Once the
 * server is gone, that client would try to connect for ever, and the run of tests would not end.
 */
exports.closeForGood = async (adapter, client) => {
  await adapter.disconnect(true);
  client.connect = async () => {
    throw new Error('the store was closed');
  };
};
