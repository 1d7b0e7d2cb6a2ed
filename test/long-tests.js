/** Tests that go through hundreds of whole logins, or ask a compiler again and again: `npm run test:long`, not `npm test`. */

module.exports = [
  'test/package/types.test.ts',
  'test/processes.test.ts',
  'test/security/confuse-the-parser.test.ts',
  'test/security/outlive-a-bad-store.test.ts',
  'test/security/outlive-a-forgetful-instance.test.ts',
];
