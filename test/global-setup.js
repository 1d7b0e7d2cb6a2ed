/** Builds dist/ before the tests, which run the example and the tarball from it, unless it is up to date. */

module.exports = () => import('../scripts/build-once.mjs');
