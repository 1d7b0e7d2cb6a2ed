/** The example with Next.js in the scaffold that create-next-app makes today: built for production, and run. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { logsVisitorsIn } from '../frameworks/contract.js';
import { publicOrigin, type RunningSite } from '../frameworks/running.js';
import { startInstance } from '../../lib/testing/index.js';
import { Visitor } from '../support/visitor.js';
import { keepsStrangersOut } from './contract.js';
import { emptyFolder, env, pack, root, run } from './fresh-site.js';

const parent = emptyFolder();
const folder = join(parent, 'site');

const newest = ['--yes', 'create-next-app@latest', 'site'];
const choices = ['--ts', '--app', '--no-src-dir', '--no-eslint', '--no-tailwind', '--import-alias', '@/*'];
const noExtras = ['--use-npm', '--skip-install', '--disable-git', '--yes'];

beforeAll(async () => {
  await run(parent, 'npx', ...newest, ...choices, ...noExtras);
  // The scaffold's own configuration stays: TypeScript strict, and cacheComponents.
  expect(readFileSync(join(folder, 'next.config.ts'), 'utf8')).toContain('cacheComponents: true');
  rmSync(join(folder, 'app'), { recursive: true });
  for (const part of ['app', 'lib']) {
    cpSync(join(root, 'example', 'nextjs', part), join(folder, part), { recursive: true });
  }
  await run(folder, 'npm', 'install', '--no-package-lock', await pack(parent), 'iron-session');
  await run(folder, join(folder, 'node_modules', '.bin', 'next'), 'build');
}, 600_000);

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

/** The address that Next.js prints when it listens. */
async function originIn(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(output)) {
    const [found] = /http:\/\/localhost:\d+/.exec(line) ?? [];
    // The rest of the output is read and dropped, because a full pipe would stop the process.
    if (found) return output.resume() && found;
  }
  throw new Error('Next.js ended before it listened');
}

describe('the example with Next.js', () => logsVisitorsIn({ program: runNext, isSessionReplaced: false }));

it("shows the user's posts, read with the token of the login", async () => {
  const instance = await startInstance({ accounts: ['ada'] });
  const site = await runNext(instance.origin);
  try {
    const visitor = new Visitor();
    expect((await visitor.get(`${site.origin}/posts`)).text).toContain('Log in first');
    const begun = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host });
    await visitor.get(site.at(await instance.approve(begun.location ?? '')));
    const page = await visitor.get(`${site.origin}/posts`);
    expect(page.text).toContain('<ul>');
    expect(page.text).not.toContain('did not send your posts');
  } finally {
    await site.close();
    await instance.close();
  }
});

describe('attacks on the example with Next.js', () => keepsStrangersOut(runNext));
