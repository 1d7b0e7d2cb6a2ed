/** Builds dist/ and installs the packages of every example, before the tests that run them. */

module.exports = async function prepare() {
  await import('../scripts/build-once.mjs');
  const { examples, install } = await import('../example/packages.mjs');
  for (const name of examples) install(name);
};
