/** Begins with the files that take longest: Jest goes by their size until it has run them once, and a slow one at the end runs alone. */

const Sequencer = require('@jest/test-sequencer').default;

const slow = [
  'property/kills.long',
  'property/logins.property',
  'package/types.long',
  'stores/contract.long',
  'browser/issuer.browser',
];

module.exports = class SlowFirst extends Sequencer {
  sort(tests) {
    const isSlow = ({ path }) => slow.some((name) => path.endsWith(`${name}.ts`));
    const sorted = super.sort(tests);
    return [...sorted.filter(isSlow), ...sorted.filter((test) => !isSlow(test))];
  }
};
