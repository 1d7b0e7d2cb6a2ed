/** Builds dist/: by `npm run build`, and for `build-once.mjs`. */

import { execFile } from 'node:child_process';
import { realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const run = promisify(execFile);
const node = (...args) => run(process.execPath, args, { cwd: root });
const compile = (...flags) =>
  node('node_modules/typescript-7/bin/tsc', '-p', 'tsconfig.build.json', '--noEmitOnError', ...flags);

/** @throws Error with the compiler's output */
export async function build() {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  try {
    // The comments are in the types, where editors show them; in the code they would be a sixth of the package.
    await Promise.all([
      compile('--declaration', 'false', '--removeComments'),
      compile('--emitDeclarationOnly'),
    ]);
    await node('scripts/build-button.mjs');
  } catch (error) {
    throw new Error(`lib/ does not compile:\n${error.stdout}${error.stderr}`, { cause: error });
  }
  const { exports } = require('../package.json');
  for (const entry of Object.values(exports)) {
    if (entry.import?.default.endsWith('.mjs')) writeModule(entry);
  }
}

/**
 * Writes the ES module of an entry point: the exports of its CommonJS file by their names. Code and classes exist
 * once, so `instanceof` and caches work in a process that uses both kinds of modules.
 */
function writeModule(entry) {
  const { default: byDefault, ...named } = require(join(root, entry.require.default));
  const names = Object.keys(named).sort();
  const from = `from './${basename(entry.require.default)}';\n`;
  // The default import of a CommonJS file is the object with all exports, so the default export is imported by its
  // other name.
  const defaultName = names.find((name) => named[name] === byDefault);
  const defaultLine = byDefault === undefined ? '' : `export { ${defaultName} as default } ${from}`;
  const listed = names.join(', ');
  writeFileSync(join(root, entry.import.default), `export { ${listed} } ${from}${defaultLine}`);
  writeFileSync(join(root, entry.import.types), `export * ${from}${defaultLine}`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) await build();
