/** The packages of an example: installed in its own folder, where npm links this repository in as passport-mastodon-oauth2. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;

/** Every folder here that is a program with packages of its own. */
export const examples = readdirSync(here)
  .filter((name) => existsSync(join(here, name, 'package-lock.json')))
  .sort();

/** Installs what package-lock.json says, unless that was done already. */
export function install(name) {
  const folder = join(here, name);
  // npm writes this file last.
  const installed = join(folder, 'node_modules', '.package-lock.json');
  const lock = join(folder, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log(`Installing the packages of example/${name} …`);
  // npm is a script that Windows finds only through its shell.
  const { status } = spawnSync('npm ci --loglevel error', { cwd: folder, shell: true, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ci in example/${name} ended with ${status}`);
}
