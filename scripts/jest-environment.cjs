/**
 * Disables the AsyncLocalStorages of a file after its tests. Jest makes at least one for each file. Until Node.js 24
 * every promise copies the values of all that are enabled, so each file would make the next ones slower.
 */

const { AsyncLocalStorage } = require('node:async_hooks');
const { TestEnvironment } = require('jest-environment-node');

const { run, enterWith } = AsyncLocalStorage.prototype;

/** What has been used since the last file. */
const used = new Set();
Object.assign(AsyncLocalStorage.prototype, {
  run(...args) {
    used.add(this);
    return run.apply(this, args);
  },
  enterWith(...args) {
    used.add(this);
    return enterWith.apply(this, args);
  },
});

module.exports = class extends TestEnvironment {
  async teardown() {
    for (const storage of used) storage.disable();
    used.clear();
    await super.teardown();
  }
};
