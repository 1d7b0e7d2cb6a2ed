/** The logins by other people's software, run by `npm run test:consumers`: all else is as for the other tests. */

/** @type {import('jest').Config} */
module.exports = { ...require('./jest.config.js'), testMatch: ['**/*.consumer.ts'], testTimeout: 60_000 };
