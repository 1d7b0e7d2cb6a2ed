/** Runs the tests of what a site loads with each version of Node.js that is installed in this folder. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = new URL('.', import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');

// Everything that runs in a site's process. Tests of types, pages and the package run a compiler or npm instead.
const inProcess =
  'test/(?:(?:bridge|client|discovery|frameworks|http|issuer|login|passport|security|service|stores|testing|util|web)/|[^/]+\\.test\\.ts)';
// What may depend on a version: requests, addresses, cryptography, native code, and each entry point. The oldest and
// the newest version run everything, and those between them this.
const versioned = [
  'test/(?:discovery|frameworks|http|testing|util|web)/',
  'test/bridge/(?:browser|mount|processes)',
  'test/client/(?:lock|registration|url-clients-at)',
  'test/issuer/(?:conformance|keys|mount|tokens)',
  'test/login/(?:login|stored-logins)\\.',
  'test/passport/(?:many-tabs|verify)',
  'test/service/service',
  'test/store[.s]',
].join('|');

const all = ['20', '22', '24', '26'];
const ends = [all[0], all.at(-1)];
// Named on the command line, or all but the one that `npm test` runs with.
const asked = process.argv.slice(2);
const [own] = process.versions.node.split('.');
const versions = asked.length > 0 ? asked : all.filter((version) => version !== own);

let failed = false;
for (const version of versions) {
  const node = fileURLToPath(new URL(`node_modules/node-${version}/bin/node`, here));
  if (!existsSync(node)) {
    console.log(
      `Node.js ${version}: skipped, as the registry's build is for Linux on x64 and was not installed.`,
    );
    // In CI every version must be there.
    failed ||= process.env.CI === 'true';
    continue;
  }
  console.log(`\n${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`);
  const tests = ends.includes(version) || asked.includes(version) ? inProcess : versioned;
  const { status } = spawnSync(node, [jest, '--silent', tests], { cwd: root, stdio: 'inherit' });
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
