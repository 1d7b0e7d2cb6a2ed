/** Says what to install, before a file that needs it is loaded: ws is for the bridge alone. */

try {
  require.resolve('ws');
} catch (error) {
  throw new Error('passport-mastodon-oauth2/bridge needs a package that is not installed: npm install ws', {
    cause: error,
  });
}
