/** The tarball in Jest as CommonJS, bundled by esbuild, and built and loaded by Vite: a visitor logs in with each. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTarball, type Site } from '../package/site.js';

jest.setTimeout(120_000);

const packages = createRequire(join(__dirname, 'package.json'));
const expected = {
  profile: 'ada',
  state: 7,
  again: true,
  strategy: 'mastodon',
  found: 'instance_invalid',
  form: '<mastodon-login',
  others: ['function', 'function'],
};
const main = `import { logIn } from './login.mjs';
logIn().then((result) => console.log(JSON.stringify(result)));`;

let site: Site;
/** This folder has no packages, so a bundle must contain them. */
let bundles: string;
beforeAll(() => {
  site = installTarball({}, ['ws', 'oidc-provider', 'lmdb']);
  copyFileSync(join(__dirname, 'login.mjs'), join(site.folder, 'login.mjs'));
  writeFileSync(join(site.folder, 'main.mjs'), main);
  writeFileSync(join(site.folder, 'package.json'), '{ "private": true }');
  bundles = mkdtempSync(join(tmpdir(), 'passport-mastodon-oauth2-bundles-'));
});
afterAll(() => {
  site.remove();
  rmSync(bundles, { recursive: true });
});

const outputOf = (file: string): unknown =>
  JSON.parse(execFileSync(process.execPath, [file], { cwd: bundles, encoding: 'utf8' }));

/** Runs a module in the site's folder, with a package of this folder as `it`. */
function runWith(name: string, text: string): string {
  const file = join(site.folder, 'tool.mjs');
  writeFileSync(file, `import * as it from ${JSON.stringify(packages.resolve(name))};\n${text}`);
  return execFileSync(process.execPath, [file], { cwd: site.folder, encoding: 'utf8' });
}

// Packages in CommonJS, such as passport-oauth2, need this banner in an ES module; it comes from esbuild's
// documentation.
const banner = `import { createRequire as requireFrom } from 'node:module';
const require = requireFrom(import.meta.url), __dirname = import.meta.dirname;`;

it.each([
  ['an ES module', 'esm', 'mjs', { js: banner }],
  ['CommonJS', 'cjs', 'cjs', {}],
])(
  'esbuild bundles the site as %s, which needs no package beside it',
  (_name, format, ending, withBanner) => {
    const outfile = join(bundles, `esbuild.${ending}`);
    const options = {
      ...{ entryPoints: ['main.mjs'], bundle: true, platform: 'node', format, outfile, banner: withBanner },
      external: ['lmdb'],
      logLevel: 'warning',
    };
    expect(runWith('esbuild', `await it.build(${JSON.stringify(options)});`)).toBe('');
    expect(outputOf(outfile)).toEqual(expected);
  },
);

it.each([
  ['leaves the package outside', []],
  ['bundles the package as well', true],
])('a build by Vite for the server %s', (_name, noExternal) => {
  const outDir = noExternal === true ? join(bundles, 'vite') : join(site.folder, 'vite');
  const options = {
    ...{ root: site.folder, configFile: false, logLevel: 'error' },
    ssr: { noExternal, external: ['lmdb'] },
    build: { ssr: 'main.mjs', outDir, emptyOutDir: true, rolldownOptions: { output: { format: 'es' } } },
  };
  runWith('vite', `await it.build(${JSON.stringify(options)});`);
  expect(outputOf(join(outDir, 'main.mjs'))).toEqual(expected);
});

it('the development server of Vite loads it', () => {
  const options = {
    ...{ root: site.folder, configFile: false, logLevel: 'error', appType: 'custom' },
    server: { middlewareMode: true, ws: false, watch: null },
  };
  const text = `const server = await it.createServer(${JSON.stringify(options)});
    const { logIn } = await server.ssrLoadModule('/login.mjs');
    console.log(JSON.stringify(await logIn()));
    await server.close();`;
  expect(JSON.parse(runWith('vite', text))).toEqual(expected);
});

// Jest loads packages of ES modules only, such as oidc-provider, with this flag.
it.each([
  ['without any configuration, all but the issuer', [], { hasLMDB: true, hasIssuer: false }],
  ['with the flag for ES modules, the issuer too', ['--experimental-vm-modules'], { hasLMDB: true }],
])('a CommonJS test of Jest requires %s', (_name, flags, options) => {
  const source = readFileSync(join(__dirname, 'login.mjs'), 'utf8');
  const transform = `process.stdout.write((await it.transform(${JSON.stringify(source)}, { format: 'cjs' })).code);`;
  writeFileSync(join(site.folder, 'login.js'), runWith('esbuild', transform));
  writeFileSync(
    join(site.folder, 'login.test.js'),
    `const { logIn } = require('./login.js');
    const expected = ${JSON.stringify(expected)};
    test('a visitor logs in', async () => expect(await logIn(${JSON.stringify(options)})).toEqual(expected));`,
  );
  const jest = [...flags, require.resolve('jest/bin/jest'), '--rootDir', site.folder];
  execFileSync(process.execPath, jest, { cwd: site.folder, stdio: 'pipe' });
});
