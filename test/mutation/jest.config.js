/** The tests that judge the mutants of one file: the folders or files that MUTATION_TESTS names, see `run.mjs`. */

const whole = require('../../jest.config.js');

const tests = (process.env['MUTATION_TESTS'] ?? '').split(' ').filter(Boolean);

/** @type {import('jest').Config} */
module.exports = {
  ...whole,
  rootDir: '../..',
  globalSetup: undefined,
  // Failing is the rule here: with the traces a mutant takes twice as long.
  noStackTrace: true,
  testMatch: tests.map((path) => `<rootDir>/test/${path}${path.endsWith('/') ? '*' : ''}.test.ts`),
  // Thousands of generated texts, or a process of its own, for each mutant: the tables beside them are to find it.
  testNamePattern: '^(?!.*(costs far less|agrees with JSON.parse|of any other spelling)).*$',
};
