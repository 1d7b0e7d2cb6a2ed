/** Packs the package and runs publint and Are The Types Wrong on the tarball. `npm run test:part -- published`. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const here = import.meta.dirname;
const root = resolve(here, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'published-'));
const run = (program, ...args) =>
  execFileSync(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
const judge = (name, ...args) => {
  try {
    process.stdout.write(run(join(here, 'node_modules', '.bin', name), ...args));
  } catch (error) {
    process.stdout.write(error.stdout ?? '');
    throw new Error(`${name} is not content`, { cause: error });
  }
};

try {
  const [{ filename }] = JSON.parse(
    run('npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', folder),
  );
  const tarball = join(folder, filename);
  judge('publint', 'run', tarball, '--strict');
  // A stylesheet has no types.
  const own = ['--exclude-entrypoints', './button/style.css'];
  judge('attw', tarball, '--format', 'ascii', '--no-emoji', ...own);
} finally {
  rmSync(folder, { recursive: true });
}
