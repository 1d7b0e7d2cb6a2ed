/** The tests that take a minute each. `npm run test:long`. */

const long = require('./test/long-tests.js');

/** @type {import('jest').Config} */
module.exports = {
  ...require('./jest.config.js'),
  testMatch: long.map((file) => `<rootDir>/${file}`),
  testPathIgnorePatterns: ['/node_modules/'],
};
