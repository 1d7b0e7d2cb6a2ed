/** A site of a framework in a temporary folder, with the packed tarball, like that of a new user. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { RunningSite } from '../frameworks/running.js';
import { freePort } from '../support/free-port.js';

export const root = resolve(__dirname, '..', '..');
const exec = promisify(execFile);

export const env = {
  ...process.env,
  NEXT_TELEMETRY_DISABLED: '1',
  ASTRO_TELEMETRY_DISABLED: '1',
  NODE_NO_WARNINGS: '1',
  SESSION_PASSWORD: 'only for tests, '.repeat(3),
};

/**
 * An empty folder outside of the repository, whose configuration the frameworks would find. Removed after the
 * tests.
 */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'passport-mastodon-oauth2-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a command of the new user. Rejects with its output. */
export async function run(folder: string, program: string, ...args: string[]): Promise<void> {
  await exec(program, args, { cwd: folder, env: { ...env, CI: '1' } }).catch((error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')}\n${stdout}\n${stderr}`);
  });
}

/** @returns the path of the tarball */
export async function pack(folder: string): Promise<string> {
  const { stdout } = await exec('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  return join(folder, filename);
}

/** Starts the site at `http://localhost:PORT`, and waits until it responds. */
export async function startSite(
  folder: string,
  developmentInstances: string,
  node: string,
  ...args: string[]
): Promise<RunningSite> {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const settings = {
    PORT: String(port),
    HOST: 'localhost',
    ORIGIN: origin,
    DEVELOPMENT_INSTANCES: developmentInstances,
  };
  const child = spawn(node, args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...env, ...settings },
  });
  const ended = once(child, 'exit');
  const deadline = Date.now() + 30_000;
  while (!(await fetch(`${origin}/me`).catch(() => undefined))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('the site does not respond');
    await new Promise((done) => setTimeout(done, 50));
  }
  return {
    origin,
    at: (publicURL) => publicURL,
    close: async () => {
      child.kill();
      await ended;
    },
  };
}
