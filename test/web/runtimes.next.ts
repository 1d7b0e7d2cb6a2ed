/** The packed tarball under Bun and Deno: whole logins, every entry point, and the check of addresses. */

import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(__dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'passport-mastodon-oauth2-runtimes-'));
const run = promisify(execFile);

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { cwd: root });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  // Their binaries are in separate packages; the other downloads of their scripts are not needed.
  const install = ['install', '--ignore-scripts', '--no-package-lock', join(folder, filename)];
  const peers = ['ws@^8.23.0', 'oidc-provider@^9.13.0'];
  await run('npm', [...install, ...peers, 'bun@^1.4.5', 'deno@^2.9.6'], { cwd: folder });
  copyFileSync(join(root, 'test', 'published', 'login.mjs'), join(folder, 'login.mjs'));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const login = `
  import { startInstance } from 'passport-mastodon-oauth2/testing';
  import { createLogin } from 'passport-mastodon-oauth2/web';
  const instance = await startInstance({ accounts: ['ada'] });
  const callbackURL = 'https://site.example/callback';
  const login = createLogin({ clientName: 'A site', callbackURL, developmentInstances: [instance.origin] });
  const body = new FormData();
  body.set('instance', new URL(instance.origin).host);
  const begun = await login.begin(new Request('https://site.example/', { method: 'POST', body }), { state: 7 });
  const callback = await instance.approve(begun.headers.get('location'));
  const back = () => new Request(callback, { headers: { cookie: begun.headers.get('set-cookie').split(';')[0] } });
  const { profile, state, headers } = await login.finish(back());
  const again = await login.finish(back()).catch(({ code }) => code);
  await instance.close();
  console.log(JSON.stringify([begun.status, profile.username, state, headers.has('set-cookie'), again]));
`;

const inside = `
  import { createLogin } from 'passport-mastodon-oauth2/web';
  const lookup = (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]);
  const callbackURL = 'https://site.example/callback';
  const login = createLogin({ clientName: 'A site', callbackURL, store: new Map(), outbound: { lookup } });
  const error = await login.begin(new Request('https://site.example/?instance=inner.example.com')).catch((e) => e);
  console.log(JSON.stringify([error.code, error.cause.code]));
`;

const everyEntryPoint = `
  import { createRequire } from 'node:module';
  import { logIn } from './login.mjs';
  const require = createRequire(import.meta.url);
  const different = [];
  for (const path of ['', '/bridge', '/button/form', '/core', '/issuer', '/stores', '/testing', '/web']) {
    const name = 'passport-mastodon-oauth2' + path;
    const [imported, required] = [await import(name), require(name)];
    for (const key of Object.keys(required)) {
      const isSame = key === '__esModule' || imported[key] === required[key];
      if (!isSame) different.push(name + ' ' + key);
    }
  }
  const { profile, strategy, others } = await logIn();
  console.log(JSON.stringify({ different, profile, strategy, others }));
`;

describe.each([
  ['Bun', '@oven', 'bin/bun', []],
  ['Deno', '@deno', 'deno', ['run', '--allow-all', '--no-prompt']],
])('under %s', (_name, scope, path, args) => {
  async function outputOf(program: string): Promise<unknown> {
    // The package for this machine is the only one of them that npm installs.
    const [platform = ''] = readdirSync(join(folder, 'node_modules', scope));
    const binary = join(folder, 'node_modules', scope, platform, path);
    const file = join(folder, 'program.mjs');
    writeFileSync(file, program);
    const { stdout } = await run(binary, [...args, file], { cwd: folder, timeout: 30_000 });
    return JSON.parse(stdout);
  }

  it('a visitor is logged in, once', async () => {
    expect(await outputOf(login)).toEqual([302, 'ada', 7, true, 'login_expired']);
  });

  it('every entry point works, by import and by require', async () => {
    expect(await outputOf(everyEntryPoint)).toEqual({
      different: [],
      profile: 'ada',
      strategy: 'mastodon',
      others: ['function', 'function'],
    });
  });

  it('no name leads to an address that is not public', async () => {
    expect(await outputOf(inside)).toEqual(['instance_unreachable', 'EPRIVATE']);
  });
});
