/** Changes one thing at a time in the files that judge, and sees whether a test of theirs notices. `npm run test:part -- mutation`. */

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  // They decide about texts and documents that a stranger wrote, and ask no network for it.
  mutate: [
    'lib/client/{client,registration,verification}.ts',
    'lib/discovery/{address,host-meta,instance-document,metadata,software,webfinger}.ts',
    'lib/issuer/{claims,clients}.ts',
    'lib/login/{authorization,browser-keys,exchange,profile}.ts',
    'lib/http/{addresses,answer,json,referrals}.ts',
    'lib/util/url.ts',
  ],
  testRunner: 'jest',
  jest: { configFile: 'test/mutation/jest.config.js', enableFindRelatedTests: true },
  plugins: ['@stryker-mutator/jest-runner', './test/mutation/texts.mjs'],
  ignorers: ['texts'],
  coverageAnalysis: 'perTest',
  // Tables and patterns that are made when a file is loaded: 7 % of the mutants, by Stryker's own estimate 58 % of the time,
  // as each of them has to meet every test. What is done with them is changed all the same.
  ignoreStatic: true,
  // A type that does not fit is no mutant that a test has to find.
  disableTypeChecks: false,
  ignorePatterns: ['/dist', '/docs', '/example', '/bench', '/test/*/node_modules'],
  reporters: ['clear-text', 'html', 'json'],
  clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
  htmlReporter: { fileName: 'coverage/mutation.html' },
  jsonReporter: { fileName: 'coverage/mutation.json' },
  tempDirName: 'coverage/.stryker',
  concurrency: 1,
  // Jest leaves something behind with each run, and is half as fast after some hundreds.
  maxTestRunnerReuse: 100,
  thresholds: { high: 98, low: 95, break: 95 },
};
