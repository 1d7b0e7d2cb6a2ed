/** Changes one expression in a file at a time, and runs the tests. Started by `run.mjs`, once for each file. */

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  testRunner: 'jest',
  jest: { configFile: 'test/mutation/jest.config.js', enableFindRelatedTests: false },
  plugins: ['@stryker-mutator/jest-runner', './test/mutation/texts.mjs'],
  ignorers: ['texts'],
  coverageAnalysis: 'perTest',
  // Tables and patterns that are made when a file is loaded: 7 % of the mutants, and by Stryker's estimate 58 % of
  // the
  // time, because each of them runs every test. The code that uses them is mutated.
  ignoreStatic: true,
  // A mutant with a type error needs no test.
  disableTypeChecks: false,
  ignorePatterns: ['/docs', '/example', '/bench', '/coverage', '/test/*/node_modules'],
  reporters: ['clear-text', 'json', 'progress-append-only'],
  clearTextReporter: { logTests: false, reportTests: false, reportScoreTable: false, allowColor: false },
  jsonReporter: { fileName: process.env['MUTATION_REPORT'] ?? 'coverage/mutation.json' },
  tempDirName: 'coverage/.stryker',
  concurrency: 1,
  // Jest leaks memory with each run, and takes twice as long after some hundreds.
  maxTestRunnerReuse: 100,
  thresholds: { high: 98, low: 95, break: null },
};
