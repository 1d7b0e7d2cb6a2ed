/**
 * Runs parts of the tests: `npm run test:part -- browser stores`. Arguments after a second `--` go to the last part, as in
 * `npm run test:part -- browser -- -t pictures`. `npm run test:all` runs the parts of CI.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const jestPath = createRequire(import.meta.url).resolve('jest/bin/jest');
const jest = (...args) => [process.execPath, jestPath, ...args];
const ending = (name, ...args) => jest('--testMatch', `**/*.${name}.ts`, ...args);
const node = (file, ...args) => [process.execPath, file, ...args];
const moreCases = ['--testMatch', '**/property/*.property.test.ts'];
const long = ['--testTimeout', '60000'];
const progress = ['--reporters=default', '--reporters=./scripts/jest-progress.mjs'];

/** By name: the folders whose packages it needs, and its commands. */
const parts = {
  // What `npm test` runs.
  unit: { run: [['npm', 'run', '-s', 'check'], jest()] },
  // Slow tests, and more generated cases.
  long: {
    env: { PROPERTY_RUNS: '5000' },
    run: [ending('long', ...moreCases, '--verbose=false', ...long)],
  },
  browser: { packages: ['test/browser'], run: [ending('browser', '--testTimeout', '30000')] },
  stores: {
    packages: ['test/databases', 'test/keyv-6'],
    run: [ending('stores', ...progress, ...long, '--maxWorkers', '1')],
  },
  node: { packages: ['test/node'], run: [node('test/node/run.mjs')] },
  consumers: { packages: ['test/consumers'], run: [ending('consumer', '--verbose', ...long)] },
  recipes: { packages: ['test/recipes'], run: [ending('recipe', ...long)] },
  examples: { run: [ending('examples', '--globalSetup', './test/examples-setup.js')] },
  next: { run: [ending('next', ...long)] },
  published: {
    packages: ['test/published'],
    run: [node('scripts/build.mjs'), node('test/published/check.mjs'), ending('published')],
  },
  // Millions of cases.
  property: { isInCI: false, env: { PROPERTY_RUNS: '100000' }, run: [jest('test/property')] },
  mutation: {
    isInCI: false,
    packages: ['test/mutation'],
    run: [node('test/mutation/run.mjs')],
  },
};

/** A part of CI takes at most two thirds of this. */
const timeoutMs = 20 * 60_000;

/** The last lines of a failed part, which are printed again after the last part. */
const linesOfFailure = 40;

/**
 * The seed of generated cases: each commit tries other cases, and another run of the same commit the same ones, so
 * that a failure in CI can be repeated. Random without a commit.
 */
function seedOfCommit() {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--verify', 'HEAD'], {
    cwd: root,
    encoding: 'utf8',
  });
  return status === 0 ? { PROPERTY_SEED: String(Number.parseInt(stdout.slice(0, 8), 16) | 0) } : {};
}
const seed = seedOfCommit();

/** @returns the failure, if any */
async function runPart({ packages = [], env = {}, run, isInCI = true }, args) {
  const install = packages.map((folder) => [
    'npm',
    'ci',
    '--prefix',
    folder,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--silent',
  ]);
  const commands = [...install, ...run.slice(0, -1), [...run.at(-1), ...args]];
  for (const [program, ...rest] of commands) {
    const child = spawn(program, rest, {
      cwd: root,
      env: { ...seed, ...process.env, ...env },
      stdio: ['inherit', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && program === 'npm',
      ...(isInCI && { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    });
    let said = '';
    for (const name of ['stdout', 'stderr'])
      child[name].on('data', (chunk) => {
        process[name].write(chunk);
        said = (said + chunk).slice(-100_000);
      });
    const [status, signal] = await once(child, 'exit');
    if (status === 0) continue;
    const shown = [program, ...rest].join(' ').replaceAll(`${root}/`, '');
    const why = signal === 'SIGKILL' ? 'did not end' : `exit status ${status}`;
    return `${shown}: ${why}\n${endOf(said)}`;
  }
  return undefined;
}

/** Failures first: the lines with which Jest begins one. */
function endOf(said) {
  const lines = stripVTControlCharacters(said)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const failed = lines.filter((line) => /^\s*(FAIL|●|failed:|still )/u.test(line)).slice(-linesOfFailure);
  return [...new Set([...failed, '…', ...lines.slice(-15)])].map((line) => `    ${line}`).join('\n');
}

const given = process.argv.slice(2);
const separator = given.includes('--') ? given.indexOf('--') : given.length;
const args = given.slice(separator + 1);
const names = given
  .slice(0, separator)
  .flatMap((name) =>
    name === 'all' ? Object.keys(parts).filter((one) => parts[one].isInCI !== false) : [name],
  );
const unknown = names.filter((name) => !Object.hasOwn(parts, name));
if (names.length === 0 || unknown.length > 0) {
  const problem = unknown.length > 0 ? `There is no part ${unknown.join(', ')}.` : 'Which part?';
  console.error(`${problem} There are ${Object.keys(parts).join(', ')}; and all, which is what CI runs.`);
  process.exit(2);
}

const failures = [];
for (const name of names) {
  console.log(`\n==> ${name}`);
  const since = Date.now();
  const failure = await runPart(parts[name], name === names.at(-1) ? args : []);
  if (failure !== undefined) failures.push(`${name}: ${failure}`);
  console.log(
    `==> ${name}: ${failure === undefined ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - since) / 1000)} s`,
  );
}
for (const failure of failures) console.error(failure);
console.log(`${names.length - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
