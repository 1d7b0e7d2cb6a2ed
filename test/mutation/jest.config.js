/** The tests of the files that judge, without a site or a login, so that each mutant takes well below a second. */

const whole = require('../../jest.config.js');

/** @type {import('jest').Config} */
module.exports = {
  ...whole,
  rootDir: '../..',
  globalSetup: undefined,
  // Failing is the rule here, and nobody reads where: with the traces a mutant takes twice as long.
  noStackTrace: true,
  testMatch: [
    '<rootDir>/test/instance/*.test.ts',
    '<rootDir>/test/issuer/{claims,redirects}.test.ts',
    '<rootDir>/test/login/{authorization,callback,cross-site,profile,token}.test.ts',
    '<rootDir>/test/net/{addresses,challenge,domain,json,status}.test.ts',
    '<rootDir>/test/verify-shape.test.ts',
  ],
  // Thousands of generated texts, or a process of its own, for each mutant: the tables beside them are to find it.
  testNamePattern: '^(?!.*(costs far less|agrees with JSON.parse|of any other spelling)).*$',
};
