/** The example with Next.js: built for production from the packed tarball, and run. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { logsVisitorsIn } from '../frameworks/contract.js';
import { publicOrigin, type RunningSite } from '../frameworks/running.js';
import { keepsStrangersOut } from './contract.js';

const root = resolve(__dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'passport-mastodon-oauth2-next-'));
const env = {
  ...process.env,
  NEXT_TELEMETRY_DISABLED: '1',
  NODE_NO_WARNINGS: '1',
  SESSION_PASSWORD: 'only for tests, '.repeat(3),
};

const run = promisify(execFile);

// Far from the repository, whose own tsconfig.json and packages Next.js would look at.
beforeAll(async () => {
  const example = join(root, 'example', 'nextjs');
  const isOfAnotherInstallation = (path: string) => /^(node_modules|\.next)$/.test(relative(example, path));
  cpSync(example, folder, { recursive: true, filter: (path) => !isOfAnotherInstallation(path) });
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  await run('npm', ['install', '--no-package-lock', join(folder, filename)], { cwd: folder, env });
  await run(join(folder, 'node_modules', '.bin', 'next'), ['build'], { cwd: folder, env });
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function runNext(developmentInstances: string): Promise<RunningSite> {
  const next = join(folder, 'node_modules', 'next', 'dist', 'bin', 'next');
  const child = spawn(process.execPath, [next, 'start', '--port', '0', '--hostname', 'localhost'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...env, ORIGIN: publicOrigin, DEVELOPMENT_INSTANCES: developmentInstances },
  });
  const ended = once(child, 'exit');
  const origin = await originIn(child.stdout);
  return {
    origin,
    at: (publicURL) => publicURL.replace(publicOrigin, origin),
    close: async () => {
      child.kill();
      await ended;
    },
  };
}

/** Next.js says where it listens. */
async function originIn(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(output)) {
    const [found] = /http:\/\/localhost:\d+/.exec(line) ?? [];
    // What it says later is read and dropped: a full pipe would stop it.
    if (found) return output.resume() && found;
  }
  throw new Error('Next.js ended before it listened');
}

describe('the example with Next.js', () => logsVisitorsIn({ program: runNext, isSessionReplaced: false }));

describe('attackers at the example with Next.js', () => keepsStrangersOut(runNext));
