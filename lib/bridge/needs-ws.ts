/** Checks that ws is installed, before a file that imports it is loaded. */

try {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a bundler follows require, and not require.resolve
  require('ws');
} catch (error) {
  throw new Error('passport-mastodon-oauth2/bridge needs a package that is not installed: npm install ws', {
    cause: error,
  });
}
