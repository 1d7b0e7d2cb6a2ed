/** Changes one thing at a time in a file, and sees whether a test notices. Started by `run.mjs`, once for each file. */

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  testRunner: 'jest',
  jest: { configFile: 'test/mutation/jest.config.js', enableFindRelatedTests: false },
  plugins: ['@stryker-mutator/jest-runner', './test/mutation/texts.mjs'],
  ignorers: ['texts'],
  coverageAnalysis: 'perTest',
  // Tables and patterns that are made when a file is loaded: 7 % of the mutants, by Stryker's own estimate 58 % of the time,
  // as each of them has to meet every test. What is done with them is changed all the same.
  ignoreStatic: true,
  // A type that does not fit is no mutant that a test has to find.
  disableTypeChecks: false,
  ignorePatterns: ['/docs', '/example', '/bench', '/coverage', '/test/*/node_modules'],
  reporters: ['clear-text', 'json'],
  clearTextReporter: { logTests: false, reportTests: false, reportScoreTable: false, allowColor: false },
  jsonReporter: { fileName: process.env['MUTATION_REPORT'] ?? 'coverage/mutation.json' },
  tempDirName: 'coverage/.stryker',
  concurrency: 1,
  // Jest leaves something behind with each run, and is half as fast after some hundreds.
  maxTestRunnerReuse: 100,
  thresholds: { high: 98, low: 95, break: null },
};
