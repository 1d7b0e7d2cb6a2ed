/** The pages in docs/reference/ match the docstrings in lib/. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './pages.js';

it('docs/reference/ matches lib/: otherwise run `npm run reference`', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['scripts/reference.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stdout + stderr).toBe('');
});

it('every import of the package has a page', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const index = readFileSync(join(root, 'docs', 'reference', 'README.md'), 'utf8');
  for (const path of Object.keys(exports).filter((one) => !/\.(css|json)$/.test(one))) {
    expect(index).toContain(`\`${path.replace('.', 'passport-mastodon-oauth2')}\``);
  }
});
