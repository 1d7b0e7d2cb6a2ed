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
