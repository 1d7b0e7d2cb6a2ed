/** The contract of stores on real databases, whose adapters lie in test/databases. `npm run test:stores`. */

/** @type {import('jest').Config} */
module.exports = {
  ...require('./jest.config.js'),
  testMatch: ['**/*.stores.ts'],
  testTimeout: 60_000,
  // Each has a dozen servers running already; two at once would also find free ports for each other's.
  maxWorkers: 1,
};
