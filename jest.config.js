/** Published as ES modules only, which Jest cannot load before they are transformed. */
const esmOnly = ['jose', 'oauth4webapi', 'oidc-provider', 'openid-client'].join('|');

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: '<rootDir>/scripts/jest-environment.cjs',
  globalSetup: '<rootDir>/test/global-setup.js',
  roots: ['<rootDir>/test'],
  // The other commands of package.json choose by another ending.
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.m?ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
    [`/node_modules/(${esmOnly})/.+\\.js$`]: [
      '@swc/jest',
      { jsc: { parser: { syntax: 'ecmascript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly})/)`],
  moduleNameMapper: {
    '^passport-mastodon-oauth2$': '<rootDir>/lib/index.ts',
    '^passport-mastodon-oauth2/(bridge|core|issuer|stores|testing|web)$': '<rootDir>/lib/$1/index.ts',
    '^passport-mastodon-oauth2/button/form$': '<rootDir>/lib/button/form.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  // Both cores of a small machine: by itself Jest would leave one free, and take twice as long.
  maxWorkers: 2,
  testTimeout: 20_000,
  testSequencer: '<rootDir>/scripts/jest-sequencer.cjs',
};
