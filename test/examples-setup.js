/** Builds dist/ and installs the packages of every example, before the tests that run them. */

const buildOnce = require('./global-setup.js');

module.exports = async function prepare() {
  buildOnce();
  const { examples, install } = await import('../example/packages.mjs');
  for (const name of examples) install(name);
};
