/** The tests that install something large first, to see the web door in it: Next.js, Bun and Deno. `npm run test:next`. */

/** @type {import('jest').Config} */
module.exports = { ...require('./jest.config.js'), testMatch: ['**/*.next.ts'], testTimeout: 60_000 };
