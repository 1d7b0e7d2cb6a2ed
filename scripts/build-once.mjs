/** Builds dist/, unless it is up to date: before the tests, and before an example, beside which another one may be running. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from './build.mjs';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const times = (files) => files.map((file) => statSync(file).mtimeMs);

function isUpToDate() {
  const sources = filesBelow(join(root, 'lib'));
  const isForBrowsers = (file) => file.startsWith(join(root, 'lib', 'button', 'browser'));
  const configs = [
    'tsconfig.json',
    'tsconfig.build.json',
    'package.json',
    'scripts/build.mjs',
    'scripts/build-button.mjs',
  ].map((name) => join(root, name));
  const built = existsSync(dist) ? filesBelow(dist) : [];
  // Each source gives one file of code and one of types, and those for browsers together give four files; any other
  // number means files were added or removed.
  return (
    built.length === 2 * sources.filter((file) => !isForBrowsers(file)).length + 4 &&
    Math.min(...times(built)) > Math.max(...times([...sources, ...configs]))
  );
}

if (!isUpToDate()) {
  // Tests are quiet; who starts an example would think that it stands still.
  const isForSomebody = ['start', 'example'].includes(process.env.npm_lifecycle_event);
  if (isForSomebody) process.stderr.write('Building dist/ …\n');
  await build();
}
