/** The service as npx starts it: below a shell, which forwards no signal. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './service-process';

const folder = mkdtempSync(join(tmpdir(), 'npx-'));
let pid: number | undefined;
afterAll(() => {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
  rmSync(folder, { recursive: true, force: true });
});

it('ends when npx ends', async () => {
  const bin = join(folder, 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(root, join(folder, 'node_modules', 'passport-mastodon-oauth2'));
  const command = join(bin, 'passport-mastodon-oauth2');
  writeFileSync(command, `#!/bin/sh\nexec node ${join(root, 'dist/service/command.js')} "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const config = 'app_name: a\napp_host: localhost:1\napp_scheme: http\nlisten: 127.0.0.1:0\n';
  writeFileSync(join(folder, 'config.yml'), config);

  const npx = spawn('npx', ['passport-mastodon-oauth2', 'authenticator'], { cwd: folder, stdio: 'pipe' });
  const events: string[] = [];
  // The service has the other end of this pipe, too: it closes with the service, not with npx.
  const closed = once(npx, 'close');
  for await (const line of createInterface(npx.stdout)) {
    const { event, pid: ofService } = JSON.parse(line) as { event: string; pid?: number };
    events.push(event);
    if (event !== 'started') continue;
    pid = ofService;
    npx.kill('SIGTERM');
  }
  await closed;
  expect(events).toEqual(['listening', 'started', 'stopping', 'stopped']);
}, 15_000);
