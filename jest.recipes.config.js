/** The recipes that need other packages or nginx, run by `npm run test:recipes`: all else is as for the other tests. */

/** @type {import('jest').Config} */
module.exports = { ...require('./jest.config.js'), testMatch: ['**/*.recipe.ts'], testTimeout: 60_000 };
