/** The examples whose packages lie in folders of their own, installed first: `npm run test:examples`. */

/** @type {import('jest').Config} */
module.exports = {
  ...require('./jest.config.js'),
  testMatch: ['**/*.examples.ts'],
  globalSetup: '<rootDir>/test/examples-setup.js',
};
