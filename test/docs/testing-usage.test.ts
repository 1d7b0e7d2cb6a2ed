/** The test in docs/testing.md, run unchanged beside the site in README.md. Only their ports differ. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../support/free-port.js';
import { allPages, blockOf, blocksOf, root } from './pages.js';
import { javaScriptOf } from './run-block.js';

const development = `callbackURL: 'http://localhost:3000/auth/mastodon/callback/:instance/done'`;

/** Where `npm install` would put it. */
function aProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'passport-mastodon-oauth2-'));
  mkdirSync(join(folder, 'node_modules'));
  for (const name of ['express', 'express-session', 'passport']) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  symlinkSync(root, join(folder, 'node_modules', 'passport-mastodon-oauth2'));
  return folder;
}

it('logs in at the site of README.md', async () => {
  const readme = allPages().find(({ path }) => path === 'README.md');
  const [site] = readme ? blocksOf(readme).filter(({ language }) => language === 'ts') : [];
  expect(site?.code).toContain(development);
  const [sitePort, instancePort] = [await freePort(), await freePort()];
  // In one pass, because one port may contain the digits of the other.
  const withPorts = (code: string) =>
    code.replace(/3000|4000/g, (port) => String(port === '3000' ? sitePort : instancePort));
  const options = `${development}, developmentInstances: ['http://localhost:4000']`;
  const written = withPorts(String(site?.code).replace(development, options)).replace(
    /app\.listen\((\d+)\)/,
    `app.listen($1, () => console.log('ready'))`,
  );

  const folder = aProject();
  writeFileSync(join(folder, 'site.mjs'), javaScriptOf(written));
  const test = withPorts(blockOf('docs/testing.md', 'test/docs/testing-usage.test.ts', 'startInstance'));
  writeFileSync(join(folder, 'login.test.mjs'), test);
  const running = spawn(process.execPath, ['site.mjs'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await Promise.race([once(running.stdout, 'data'), once(running, 'exit')]);
    expect(running.exitCode).toBeNull();
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap'], {
      cwd: folder,
      env,
    });
    expect(stdout).toMatch(/^# pass 1$/m);
  } finally {
    running.kill();
    rmSync(folder, { recursive: true });
  }
});

it('the command in README.md leaves an instance running, to try the site by hand', async () => {
  const command = blockOf('README.md', 'test/docs/testing-usage.test.ts', 'startInstance');
  const folder = aProject();
  const port = String(await freePort());
  const running = spawn(command.replace('4000', port), { cwd: folder, shell: true, detached: true });
  try {
    const [printed] = (await Promise.race([once(running.stdout, 'data'), once(running, 'exit')])) as [Buffer];
    expect(String(printed)).toBe(`localhost:${port}\n`);
    expect((await fetch(`http://localhost:${port}/api/v1/instance`)).status).toBe(200);
  } finally {
    // With the shell that runs it.
    if (running.pid !== undefined) process.kill(-running.pid);
    await once(running, 'exit');
    rmSync(folder, { recursive: true });
  }
});
