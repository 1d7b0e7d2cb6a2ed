/** Builds dist/: by `npm run build`, and for `build-once.mjs`. */

import { execFile } from 'node:child_process';
import { realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const run = promisify(execFile);
const compile = (...flags) =>
  run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noEmitOnError', ...flags], { cwd: root });

/** @throws Error with what the compiler says */
export async function build() {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  try {
    // The comments are in the types, where editors show them; in the code they would be a sixth of the package.
    await Promise.all([
      compile('--declaration', 'false', '--removeComments'),
      compile('--emitDeclarationOnly'),
    ]);
    await run(process.execPath, ['scripts/build-button.mjs'], { cwd: root });
  } catch (error) {
    throw new Error(`lib/ does not compile:\n${error.stdout}${error.stderr}`, { cause: error });
  }
}

if (realpathSync(process.argv[1]) === import.meta.filename) await build();
