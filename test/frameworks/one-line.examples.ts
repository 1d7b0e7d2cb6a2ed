/** Runs `npm run example NAME` in a clone, and logs in at the demonstration instance. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { Browser } from '../example/browser.js';

const root = resolve(__dirname, '..', '..');
const names = readdirSync(join(root, 'example')).filter((name) =>
  existsSync(join(root, 'example', name, 'package.json')),
);

/** After the build, which the tests have done already. */
function run(name: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(root, 'example', 'run.mjs'), name], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PORT: '0', DEMO_PORT: '0', NEXT_TELEMETRY_DISABLED: '1', ...env },
  });
  const ended = once(child, 'close');
  let output = '';
  const heard = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += String(text);
        if (output.includes('Ctrl+C')) resolve();
      });
    }
  });
  return { child, ended, heard, output: () => output };
}

async function end({ child, ended }: { child: ChildProcess; ended: Promise<unknown> }): Promise<void> {
  child.kill();
  await ended;
}

it('each framework has one', () => {
  expect(names.sort()).toEqual([
    'astro',
    'express4',
    'express5',
    'fastify',
    'hono',
    'koa',
    'nest11',
    'nest12',
    'nextjs',
    'sveltekit',
  ]);
});

const isForNewerNode = (name: string) => name === 'astro' && Number.parseInt(process.versions.node) < 22;

it.each(names.filter(isForNewerNode))('npm run example %s says which Node.js it needs', async (name) => {
  const running = run(name);
  await running.ended;
  expect(running.output()).toContain('The example with astro needs Node.js 22.12 or later.');
});

describe.each(names.filter((name) => !isForNewerNode(name)))('npm run example %s', (name) => {
  it('starts a site that logs visitors in, shows failures, and logs out', async () => {
    const running = run(name);
    await Promise.race([running.heard, running.ended]);
    try {
      const site = /Open (http\S+)/.exec(running.output())?.[1] ?? running.output();
      const demo = /type (localhost:\d+)/.exec(running.output())?.[1] ?? '';
      const browser = new Browser();
      const start = await browser.open(site);
      const wrong = await browser.submit(start, '/auth/mastodon', { instance: 'mastodon' });
      expect(wrong.text).toContain('That is not the whole address of a server');

      const consent = await browser.submit(wrong, '/auth/mastodon', { instance: `@wren@${demo}` });
      expect(consent.text).toContain('not a real server');
      const home = await browser.submit(consent, '/oauth/authorize', { account: 'wren', answer: 'allow' });
      expect(home.text).toContain(`You are logged in as @wren@${demo}.`);
      const after = await browser.submit(home, '/logout');
      expect(after.forms.map(({ action }) => action)).toContain('/auth/mastodon');

      for (const [, file = ''] of start.html.matchAll(/(?:href|src)="(\/button\/[^"]+)"/g)) {
        expect([file, (await browser.open(site + file)).status]).toEqual([file, 200]);
      }
    } finally {
      await end(running);
    }
  }, 180_000);
});

describe('npm run example', () => {
  it('names the examples if it is given none', async () => {
    const running = run('');
    await running.ended;
    expect(running.output()).toMatch(/^Which example\? .*: npm run example astro \| express4 \|/);
  });

  it('names the setting to change when a port is in use', async () => {
    const server = createServer().listen(0);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const running = run('hono', { PORT: String(port) });
    await running.ended;
    server.close();
    expect(running.output()).toContain(`Port ${port} is in use. Choose another one with PORT=`);
  });
});
