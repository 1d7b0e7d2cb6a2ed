/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/global-setup.js',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.m?ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  moduleNameMapper: {
    '^passport-mastodon-oauth2$': '<rootDir>/lib/index.ts',
    '^passport-mastodon-oauth2/(bridge|stores|testing|web)$': '<rootDir>/lib/$1/index.ts',
    '^passport-mastodon-oauth2/button/form$': '<rootDir>/lib/button/form.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  testTimeout: 20_000,
};
