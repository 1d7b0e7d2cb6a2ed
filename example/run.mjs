/**
 * Starts one of the examples, and a demonstration instance beside it to log in at: `npm run example koa`.
 *
 * PORT (3000) is the site's, DEMO_PORT (4000) the demonstration instance's.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { startInstance } from 'passport-mastodon-oauth2/testing';
import { examples, install } from './packages.mjs';

const { PORT = '3000', DEMO_PORT = '4000' } = process.env;

/** An error with a message for the user; every other error is a fault of this program. */
class Failure extends Error {}

async function main() {
  const [name] = process.argv.slice(2);
  if (!examples.includes(name)) {
    throw new Failure(`Which example? One of these: npm run example ${examples.join(' | ')}`);
  }
  assertNode(name);
  install(name);
  const port = await freePort('PORT', PORT);
  const demo = await startInstance({
    title: 'Demonstration instance',
    software: 'demonstration',
    port: await freePort('DEMO_PORT', DEMO_PORT),
  });

  const site = start(name, { PORT: port, DEVELOPMENT_INSTANCES: demo.origin });
  const origin = `http://localhost:${port}`;
  await answered(origin, site);
  console.log(`The example with ${name} is running. Open ${origin} in a browser and log in:`);
  console.log(`  type ${demo.host} for the demonstration instance, or`);
  console.log('  type your own server, such as mastodon.social.');
  console.log('Stop it with Ctrl+C.');
}

/** Astro needs a newer version of Node.js than this package. */
function assertNode(name) {
  const { engines } = manifestOf(name);
  const [major, minor] = /\d+\.\d+/
    .exec(engines?.node ?? '0.0')[0]
    .split('.')
    .map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  throw new Failure(
    `The example with ${name} needs Node.js ${major}.${minor} or later. This is ${process.version}.`,
  );
}

function manifestOf(name) {
  return JSON.parse(readFileSync(join(import.meta.dirname, name, 'package.json'), 'utf8'));
}

/** Runs the script `dev` or `start` of its package.json, like npm. */
function start(name, env) {
  const folder = join(import.meta.dirname, name);
  const { scripts } = manifestOf(name);
  const site = spawn(scripts.dev ?? scripts.start, {
    cwd: folder,
    shell: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    // A process group, to end all programs that the shell has started.
    detached: process.platform !== 'win32',
    env: {
      ...process.env,
      ...env,
      PATH: [join(folder, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    },
  });
  site.once('exit', (code) => process.exit(code ?? 1));
  const end = () => {
    if (process.platform === 'win32') site.kill();
    else process.kill(-site.pid);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, end);
  return site;
}

/**
 * @param {string} name the variable to change when the port is taken
 * @param {string} wanted 0 for any free one
 */
async function freePort(name, wanted) {
  const server = createServer().listen(Number(wanted));
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error;
    throw new Failure(`Port ${wanted} is in use. Choose another one with ${name}=…`);
  }
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answered(origin, site) {
  while (site.exitCode === null) {
    if (
      await fetch(origin).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

main().catch((error) => {
  console.error(error instanceof Failure ? error.message : error);
  process.exit(1);
});
