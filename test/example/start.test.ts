/** `npm start` as package.json defines it: in one clone with another example, and until npm is told to end. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '..', '..');
const built = () => statSync(join(root, 'dist', 'index.js')).mtimeMs;

it('keeps an up-to-date build that others use, and ends with npm', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'start-'));
  const before = built();
  const npm = spawn('npm', ['start'], {
    cwd: root,
    env: { ...process.env, PORT: '0', DEMO_PORT: '0', DATA_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // When every process has closed its output.
  const closed = once(npm, 'close');
  let said = '';
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.on('data', (text) => {
      if (said.includes('Ctrl+C')) return;
      said += String(text);
      if (said.includes('Ctrl+C')) npm.kill('SIGTERM');
    });
  }
  await closed;
  rmSync(folder, { recursive: true });
  expect(said).toContain('Stop it with Ctrl+C');
  expect(built()).toBe(before);
  const site = /Open (http\S+)/.exec(said)?.[1] ?? '';
  await expect(fetch(site)).rejects.toThrow('fetch failed');
});
