/**
 * Some adapters share one pool in the process, and the first disconnect would close it for all. Here the last one
 * closes it.
 */

const users = new Map();

exports.pooled = async (Adapter, url) => {
  const adapter = new Adapter(url);
  // The adapter creates its table meanwhile, and must not be interrupted.
  await adapter.query('SELECT 1');
  users.set(url, (users.get(url) ?? 0) + 1);
  const close = async () => {
    users.set(url, users.get(url) - 1);
    if (users.get(url) === 0) await adapter.disconnect();
  };
  return { adapter, close };
};
