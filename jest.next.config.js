/** The tests that build a site with Next.js, which takes a minute: `npm run test:next`. */

/** @type {import('jest').Config} */
module.exports = { ...require('./jest.config.js'), testMatch: ['**/*.next.ts'], testTimeout: 60_000 };
