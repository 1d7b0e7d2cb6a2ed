// @ts-check
/**
 * Starts the example site and, for trying it out, a demonstration instance beside it.
 *
 * PORT (3000), BASE_URL (http://localhost:PORT), SESSION_SECRET and DATA_DIR (example/data) are the site's;
 * DEMO (on, unless NODE_ENV is production) and DEMO_PORT (4000) the demonstration instance's.
 */

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { openEmbeddedStore } = require('passport-mastodon-oauth2/stores');
const { startInstance } = require('passport-mastodon-oauth2/testing');
const { SITE_NAME } = require('./pages.js');
const { createSite } = require('./site.js');

const { env } = process;

async function main() {
  const dataDir = path.resolve(env.DATA_DIR || path.join(__dirname, 'data'));
  const store = await openEmbeddedStore(path.join(dataDir, 'site.mdb'));
  const secret = env.SESSION_SECRET || keptSecret(path.join(dataDir, 'session-secret'));

  const demoOrigin = isDemoOn() ? await startDemo(dataDir) : undefined;
  const site = await listen('PORT', env.PORT || '3000');
  const baseURL = new URL(env.BASE_URL || `http://localhost:${site.port}`);
  site.server.on('request', createSite({ baseURL, secret, store, demoOrigin }));

  console.log(`${SITE_NAME} is running. Open ${baseURL.origin} in a browser and log in:`);
  if (demoOrigin)
    console.log(`  type ${new URL(demoOrigin).host} for the demonstration instance (${demoOrigin}), or`);
  console.log('  type your own server, such as mastodon.social.');
  console.log(`It listens on port ${site.port} and keeps its data in ${dataDir}. Stop it with Ctrl+C.`);
}

function isDemoOn() {
  return (env.DEMO || (env.NODE_ENV === 'production' ? 'off' : 'on')) !== 'off';
}

/** @param {string} dataDir @returns {Promise<string>} its origin */
async function startDemo(dataDir) {
  // Only this machine can reach it, because it has no passwords.
  const port = env.DEMO_PORT || '4000';
  const demo = await startInstance({
    title: 'Demonstration instance',
    software: 'demonstration',
    port: Number(port),
    // A store of its own, because it is another server. It persists so that the site's registration stays valid.
    store: await openEmbeddedStore(path.join(dataDir, 'demo.mdb')),
  }).catch((error) => {
    throw clearly(error, 'DEMO_PORT', port);
  });
  return demo.origin;
}

/**
 * @param {string} name the variable to change when the port is taken
 * @param {string} port 0 for any free one
 * @returns {Promise<{ server: http.Server, port: number }>}
 */
function listen(name, port) {
  const server = http.createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(clearly(error, name, port)));
    server.listen({ port: Number(port) }, () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address());
      resolve({ server, port: address.port });
    });
  });
}

/** @param {NodeJS.ErrnoException} error @param {string} name @param {string} port @returns {Error} */
function clearly(error, name, port) {
  if (error.code !== 'EADDRINUSE') return error;
  return new Error(`Port ${port} is in use. Choose another one with ${name}=…`);
}

/**
 * The secret that signs the session cookie: generated at the first start, and the same in every process from then on.
 * @param {string} file
 */
function keptSecret(file) {
  if (!fs.existsSync(file)) {
    // Linking fails if the file exists, so after two simultaneous first starts both use one complete secret.
    const draft = `${file}.${process.pid}`;
    fs.writeFileSync(draft, randomBytes(32).toString('base64url'), { mode: 0o600 });
    try {
      fs.linkSync(draft, file);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    } finally {
      fs.unlinkSync(draft);
    }
  }
  return fs.readFileSync(file, 'utf8');
}

main().catch((error) => {
  console.error(error instanceof Error && /^Port /.test(error.message) ? error.message : error);
  process.exit(1);
});
