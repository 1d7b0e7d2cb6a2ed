/** The tests that need a browser, run by `npm run test:browser`: everything else about them is as for the others. */

/** @type {import('jest').Config} */
module.exports = { ...require('./jest.config.js'), testMatch: ['**/*.browser.ts'], testTimeout: 30_000 };
