/** `passport-mastodon-oauth2/testing` from the tarball, in a site's own test. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installTarball, type Site } from './site';

let site: Site;
beforeAll(() => {
  site = installTarball();
});
afterAll(() => site.remove());

it('a test with Node’s own runner compiles in a strict project, and passes', () => {
  copyFileSync(join(__dirname, 'site-test.ts'), join(site.folder, 'site.test.mts'));
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    esModuleInterop: true,
    skipLibCheck: false,
  };
  writeFileSync(join(site.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
  const run = (...args: string[]): string => {
    // Node marks the processes of its test runner. Such a process would send its results to a runner that does not
    // exist.
    const env = { ...process.env };
    delete env['NODE_TEST_CONTEXT'];
    return execFileSync(process.execPath, args, { cwd: site.folder, encoding: 'utf8', env });
  };
  run(join(__dirname, '../../node_modules/typescript-7/bin/tsc'), '-p', site.folder);
  expect(run('--test', '--test-reporter=tap', 'site.test.mjs')).toContain('# pass 2');
});
