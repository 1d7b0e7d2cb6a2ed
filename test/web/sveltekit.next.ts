/** The example with SvelteKit in the scaffold that `sv create` makes today: type-checked, built and run. */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logsVisitorsIn } from '../frameworks/contract.js';
import { emptyFolder, pack, root, run, startSite } from './fresh-site.js';

const parent = emptyFolder();
const folder = join(parent, 'site');
const bin = (name: string) => join(folder, 'node_modules', '.bin', name);

beforeAll(async () => {
  const choices = ['--template', 'minimal', '--types', 'ts', '--no-add-ons', '--no-install'];
  await run(parent, 'npx', '--yes', 'sv@latest', 'create', 'site', ...choices);
  const config = join(folder, 'vite.config.ts');
  writeFileSync(config, readFileSync(config, 'utf8').replace('adapter-auto', 'adapter-node'));
  cpSync(join(root, 'example', 'sveltekit', 'src'), join(folder, 'src'), { recursive: true });
  const packages = [await pack(parent), 'iron-session', '@sveltejs/adapter-node@5'];
  await run(folder, 'npm', 'install', '--no-package-lock', ...packages);
  await run(folder, 'npm', 'run', 'check');
  await run(folder, bin('vite'), 'build');
}, 600_000);

describe('the example with SvelteKit', () =>
  logsVisitorsIn({
    program: (instances) => startSite(folder, instances, process.execPath, 'build'),
    isSessionReplaced: false,
  }));
