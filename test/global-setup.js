/** Builds dist/ before the tests, which run the example and the tarball from it, unless it is up to date. */

const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync, rmSync, statSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const dist = join(root, 'dist');

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const times = (files) => files.map((file) => statSync(file).mtimeMs);

function isUpToDate() {
  const sources = filesBelow(join(root, 'lib'));
  const configs = ['tsconfig.json', 'tsconfig.build.json', 'package.json'].map((name) => join(root, name));
  const built = existsSync(dist) ? filesBelow(dist) : [];
  // Each source gives one file of code and one of types; any other number means files were added or removed.
  return (
    built.length === 2 * sources.length &&
    Math.min(...times(built)) > Math.max(...times([...sources, ...configs]))
  );
}

module.exports = function buildOnce() {
  if (isUpToDate()) return;
  rmSync(dist, { recursive: true, force: true });
  const tsc = [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--noEmitOnError'];
  const { status, stdout, stderr } = spawnSync(process.execPath, tsc, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`lib/ does not compile:\n${stdout}${stderr}`);
};
