/**
 * Every entry point of the tarball: the same for `import` and `require`, with types, and without the code of
 * another.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { installTarball, type Site } from './site';

const root = resolve(__dirname, '..', '..');
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
const entryPoints = Object.keys(exports)
  .filter((path) => !/\.(json|css)$/.test(path))
  .map((path) => path.replace('.', 'passport-mastodon-oauth2'));

/** The part that belongs to one of them alone: its files in dist/, and the packages that a site installs for it. */
const own = {
  'passport-mastodon-oauth2': 'index\\.js|passport/',
  'passport-mastodon-oauth2/core': 'core/',
  'passport-mastodon-oauth2/web': 'web/',
  'passport-mastodon-oauth2/bridge': 'bridge/',
  'passport-mastodon-oauth2/issuer': 'issuer/',
  // The bridge also exports the interface of a bus, and the bus of one process.
  'passport-mastodon-oauth2/stores': 'stores/(?!bus\\.js)',
  'passport-mastodon-oauth2/testing': 'testing/',
  'passport-mastodon-oauth2/button': 'button/mastodon-login\\.js',
  'passport-mastodon-oauth2/button/form': 'button/form\\.js',
} as Record<string, string>;
const packages = {
  'passport-mastodon-oauth2': ['passport-oauth2'],
  'passport-mastodon-oauth2/bridge': ['ws'],
} as Record<string, string[]>;

let site: Site;
let dist: string;
beforeAll(() => {
  site = installTarball(undefined, ['ws']);
  dist = join(site.folder, 'node_modules', 'passport-mastodon-oauth2', 'dist');
});
afterAll(() => site.remove());

it('these entry points exist', () => {
  expect(entryPoints).toEqual(Object.keys(own));
});

describe.each(entryPoints)('%s', (name) => {
  it('exports the same names to import and to require, and the same objects', () => {
    const script = `
      import { createRequire } from 'node:module';
      import * as imported from '${name}';
      const required = createRequire(import.meta.url)('${name}');
      // Names that Node and the compiler add for interoperation.
      const namesOf = (it) => Object.keys(it).filter((name) => !['__esModule', 'module.exports'].includes(name)).sort();
      const names = namesOf(required);
      console.log(JSON.stringify({
        names,
        imported: namesOf(imported),
        different: names.filter((name) => required[name] !== imported[name]),
      }));`;
    const { names, imported, different } = site.run(script, 'module') as Record<string, string[]>;
    expect(names).not.toEqual([]);
    expect(imported).toEqual(names);
    // The button has one file for browsers and one for require.
    expect(different).toEqual(name.endsWith('/button') ? names : []);
  });

  it('loads no code and no package of another entry point', () => {
    const loaded = site.run(`
      const { createLogin, MastodonLogin, MastodonStrategy, createBridge } = require('${name}');
      const options = { clientName: 'Site', callbackURL: 'https://site.example/callback' };
      if (createBridge) createBridge({ clientName: 'Site', publicURL: 'https://site.example' });
      if (MastodonStrategy) new MastodonStrategy(options, async () => undefined);
      // The modules that the first login loads.
      const begun = createLogin
        ? createLogin(options).begin(new Request('https://site.example/login?instance=unknown'))
        : MastodonLogin && new MastodonLogin(options).begin('unknown', 'a key of this browser');
      Promise.resolve(begun).then(
        () => console.log(JSON.stringify(Object.keys(require.cache))),
        ({ code }) => console.log(JSON.stringify(code === 'instance_invalid' ? Object.keys(require.cache) : code)),
      );`) as string[];
    const others = Object.keys(own).filter((other) => other !== name);
    const ofOthers = new RegExp(`/dist/(${others.map((other) => own[other]).join('|')}|service/)`);
    const packagesOfOthers = others.flatMap((other) => packages[other] ?? []);
    const ofPackages = new RegExp(`/node_modules/(${packagesOfOthers.join('|')}|yaml|lmdb|express)/`);
    expect(loaded).toContainEqual(expect.stringMatching(`/dist/(${own[name]})`));
    // The forms on the pages of bridge, issuer and testing instance are those of button/form.
    expect(loaded.filter((path) => ofOthers.test(path) || ofPackages.test(path))).toEqual([]);
  });
});

it('MastodonStrategy is a passport-oauth2 strategy under three names, with its errors', () => {
  const script = `
    import { createRequire } from 'node:module';
    import byDefault from 'passport-mastodon-oauth2';
    const require = createRequire(import.meta.url);
    const it = require('passport-mastodon-oauth2');
    const OAuth2Strategy = require('passport-oauth2');
    const options = { clientName: 'Example', callbackURL: 'https://example.com/callback' };
    const strategy = new it.MastodonStrategy(options, async () => undefined);
    console.log(JSON.stringify([
      strategy instanceof OAuth2Strategy,
      strategy.name,
      ...[it.Strategy, it.default, byDefault].map((one) => one === it.MastodonStrategy),
      ...['AuthorizationError', 'TokenError', 'InternalOAuthError'].map((name) => it[name] === OAuth2Strategy[name]),
    ]));`;
  const trueSixTimes = Array.from({ length: 6 }, () => true);
  expect(site.run(script, 'module')).toEqual([true, 'mastodon', ...trueSixTimes]);
});

it('an error of one entry point is an instance of the class that another one exports', () => {
  const names = ['', '/core', '/web'].map((path) => `passport-mastodon-oauth2${path}`);
  const script = `
    const [first, ...others] = ${JSON.stringify(names)}.map((name) => require(name).MastodonError);
    console.log(JSON.stringify(others.map((one) => one === first)));`;
  expect(site.run(script)).toEqual([true, true]);
});

it('the stores load no driver before one is opened', () => {
  const script = `
    const it = require('passport-mastodon-oauth2/stores');
    const loaded = Object.keys(require.cache).filter((path) => /node_modules.(lmdb|@redis)/.test(path));
    it.openEmbeddedStore('store.mdb').catch(({ code }) => console.log(JSON.stringify({ loaded, code })));`;
  expect(site.run(script)).toEqual({ loaded: [], code: 'MODULE_NOT_FOUND' });
});

it('package.json can be required, and no file in dist/', () => {
  const script = `
    const codeOf = (path) => { try { require(path); return 'found'; } catch (error) { return error.code; } };
    console.log(JSON.stringify([
      codeOf('passport-mastodon-oauth2/package.json'),
      codeOf('passport-mastodon-oauth2/dist/web/index.js'),
    ]));`;
  expect(site.run(script)).toEqual(['found', 'ERR_PACKAGE_PATH_NOT_EXPORTED']);
});

it.each(['core', 'web'])('the types of %s need no types of a framework', (folder) => {
  const seen = new Set<string>();
  const named = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(path, 'utf8'));
    for (const { fileName } of [...importedFiles, ...typeReferenceDirectives]) {
      const target = join(dirname(path), fileName.replace(/\.js$/, '.d.ts'));
      if (!fileName.startsWith('.')) named.add(fileName);
      else if (existsSync(target)) visit(target);
      else throw new Error(`${path} names ${fileName}, which is not there`);
    }
  };
  visit(join(dist, folder, 'index.d.ts'));
  expect(seen.size).toBeGreaterThan(5);
  expect([...named].filter((name) => name !== 'node' && !name.startsWith('node:'))).toEqual([]);
});

it('each has its types if a compiler ignores "exports"', () => {
  const folder = mkdtempSync(join(site.folder, 'node10-'));
  const lines = entryPoints.map((name, i) => `export * as entry${i} from '${name}';\n`);
  writeFileSync(join(folder, 'site.ts'), lines.join(''));
  const compilerOptions = {
    module: 'commonjs',
    moduleResolution: 'node10',
    ignoreDeprecations: '6.0',
    target: 'es2022',
    lib: ['es2023', 'dom'],
    types: ['node'],
    strict: true,
    noEmit: true,
    esModuleInterop: true,
    skipLibCheck: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  expect(compilerErrors(folder)).toBe('');
});

function compilerErrors(folder: string): string {
  try {
    const tsc = [require.resolve('typescript/bin/tsc'), '-p', folder];
    return execFileSync(process.execPath, tsc, { encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
