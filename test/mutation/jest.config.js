/** The tests for the mutants of one file: the folders or files in MUTATION_TESTS, see `run.mjs`. */

const whole = require('../../jest.config.js');

const tests = (process.env['MUTATION_TESTS'] ?? '').split(' ').filter(Boolean);

/** @type {import('jest').Config} */
module.exports = {
  ...whole,
  rootDir: '../..',
  globalSetup: undefined,
  // Stryker replaces this one by its own, which counts the tests that reach a mutant.
  testEnvironment: 'node',
  // Most runs fail here, and stack traces would double the time of a mutant.
  noStackTrace: true,
  testMatch: tests.map((path) => `<rootDir>/test/${path}${path.endsWith('/') ? '*' : ''}.test.ts`),
  // Thousands of generated texts, or a separate process, for each mutant. The tables of tests beside them find the
  // mutant.
  testNamePattern: '^(?!.*(costs far less|agrees with JSON.parse|of any other spelling)).*$',
};
