/** Checks types, lint and format: `npm run check`. The linter takes as long as all the others, so it runs beside them. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const typesOf = (project) => ['typescript-7/bin/tsc', '-p', project, '--noEmit'];
const lanes = [
  [['eslint/bin/eslint.js', '.']],
  [
    ...['.', 'lib/button/browser', 'test/browser', 'example'].map(typesOf),
    ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  ],
];

/** @returns whether all passed. Each one's output is printed as a whole, so that two outputs are not mixed. */
async function runInTurn(commands) {
  let isGood = true;
  for (const [program, ...args] of commands) {
    const child = spawn(process.execPath, [resolve(root, 'node_modules', program), ...args], { cwd: root });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    const [status] = await once(child, 'close');
    process.stdout.write(Buffer.concat(output));
    isGood &&= status === 0;
  }
  return isGood;
}

const results = await Promise.all(lanes.map(runInTurn));
process.exitCode = results.every(Boolean) ? 0 : 1;
