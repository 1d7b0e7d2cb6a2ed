/** Runs the tests of what a site loads with each version of Node.js that is installed in this folder. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = new URL('.', import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');

// Everything that runs in a site's process, except tests of types, pages and the package, which a compiler or npm
// answers, and except the long tests. A minute or two for each version.
const folders =
  'bridge|client|discovery|flow|frameworks|http|issuer|login|passport|security|service|stores|testing|web';
const tests = `test/(?:(?:${folders})/|[^/]+\\.test\\.ts)`;

// The versions on the command line, or all except the one that `npm test` runs with.
const asked = process.argv.slice(2);
const [own] = process.versions.node.split('.');
const versions = asked.length > 0 ? asked : ['20', '22', '24', '26'].filter((version) => version !== own);

let failed = false;
for (const version of versions) {
  const node = fileURLToPath(new URL(`node_modules/node-${version}/bin/node`, here));
  if (!existsSync(node)) {
    console.log(
      `Node.js ${version}: skipped, as the registry's build is for Linux on x64 and was not installed.`,
    );
    // In CI, a missing version is a failure.
    failed ||= process.env.CI === 'true';
    continue;
  }
  console.log(`\n${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`);
  const { status } = spawnSync(node, [jest, '--silent', tests], { cwd: root, stdio: 'inherit' });
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
