/**
 * Builds dist/, unless it is up to date: before the tests, and before an example, beside which another one may run.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from './build.mjs';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

const timesBelow = (folder, isWanted = () => true) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(isWanted)
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);

function isUpToDate() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const targets = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : [...Object.values(entry.import), ...Object.values(entry.require)],
  );
  if (!targets.every((target) => existsSync(join(root, target)))) return false;
  const configs = [
    'tsconfig.json',
    'tsconfig.build.json',
    'package.json',
    'scripts/build.mjs',
    'scripts/build-button.mjs',
  ];
  const changed = [
    // A folder changes when a file in it is added or removed.
    ...timesBelow(join(root, 'lib')),
    ...configs.map((name) => statSync(join(root, name)).mtimeMs),
  ];
  return Math.min(...timesBelow(dist, (entry) => entry.isFile())) > Math.max(...changed);
}

if (!isUpToDate()) {
  // A build takes a while, and tests print nothing.
  const isInteractive = ['start', 'example'].includes(process.env.npm_lifecycle_event);
  if (isInteractive) process.stderr.write('Building dist/ …\n');
  await build();
}
