/** What is published: tested from the tarball, not from the tree. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { installTarball, type Site } from './site';

const root = resolve(__dirname, '..', '..');

let site: Site;
beforeAll(() => {
  site = installTarball();
});
afterAll(() => site.remove());

describe('the tarball', () => {
  it('holds exactly the compiled files of lib/ and what npm shows of a package', () => {
    const compiled = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.[cm]?ts$/.test(path) && !path.startsWith(join('button', 'browser')))
      .flatMap((path) => [path.replace(/ts$/, 'js'), path.replace(/([cm]?)ts$/, 'd.$1ts')])
      .map((path) => join('dist', path));
    const forBrowsers = [
      'mastodon-login.css',
      'mastodon-login.d.ts',
      'mastodon-login.js',
      'package.json',
    ].map((name) => join('dist', 'button', 'browser', name));
    expect(site.files).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', ...compiled, ...forBrowsers].sort(),
    );
  });

  it('imports only what its package.json declares, types included', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, object>;
    const declared = { ...manifest['dependencies'], ...manifest['peerDependencies'] };
    const imported = site.files
      .filter((path) => path.startsWith('dist'))
      .map((path) => join(site.folder, 'node_modules', 'passport-mastodon-oauth2', path))
      .flatMap((path) =>
        ts
          .preProcessFile(readFileSync(path, 'utf8'), true, true)
          .importedFiles.filter(({ fileName }) => !/^(\.|node:)/.test(fileName))
          .map(({ fileName }) => (/\.d\.[cm]?ts$/.test(path) ? typesOf(fileName, declared) : fileName)),
      );
    expect(imported).toContain('passport-oauth2');
    const packages = new Set(imported.map(packageOf));
    expect([...packages].filter((name) => !Object.hasOwn(declared, name))).toEqual([]);
  });

  it('is small', () => {
    expect(site.packedBytes).toBeLessThan(300_000);
  });
});

describe('the button', () => {
  it('can be imported where there are no elements, by whichever kind of module', () => {
    const names = ['MastodonLoginElement'];
    expect(
      site.run(
        `import * as it from 'passport-mastodon-oauth2/button'; console.log(JSON.stringify(Object.keys(it)));`,
        'module',
      ),
    ).toEqual(names);
    expect(
      site.run(
        `import { loginForm, buttonFolder } from 'passport-mastodon-oauth2/button/form';
        import { readdirSync } from 'node:fs';
        console.log(JSON.stringify([loginForm({ action: '/a' }).slice(0, 15), readdirSync(buttonFolder).sort()]));`,
        'module',
      ),
    ).toEqual([
      '<mastodon-login',
      ['mastodon-login.css', 'mastodon-login.d.ts', 'mastodon-login.js', 'package.json'],
    ]);
  });

  it('is one file that asks for no other', () => {
    const files = site.files.filter((path) => path.startsWith(join('dist', 'button', 'browser')));
    const script = readFileSync(
      join(
        site.folder,
        'node_modules',
        'passport-mastodon-oauth2',
        files.find((path) => path.endsWith('login.js'))!,
      ),
      'utf8',
    );
    expect(ts.preProcessFile(script, true, true).importedFiles).toEqual([]);
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|\.style\b/);
  });
});

describe('require()', () => {
  it('gives one class under its three names, a passport-oauth2 strategy', () => {
    const script = `
      const it = require('passport-mastodon-oauth2');
      const OAuth2Strategy = require('passport-oauth2');
      const strategy = new it.MastodonStrategy(
        { clientName: 'Example', callbackURL: 'https://example.com/callback' },
        async () => undefined,
      );
      console.log(JSON.stringify({
        sameClass: it.MastodonStrategy === it.Strategy && it.Strategy === it.default,
        isOAuth2Strategy: strategy instanceof OAuth2Strategy,
        name: strategy.name,
        sameErrors: it.AuthorizationError === OAuth2Strategy.AuthorizationError &&
          it.TokenError === OAuth2Strategy.TokenError &&
          it.InternalOAuthError === OAuth2Strategy.InternalOAuthError,
        errorName: new it.MastodonError('timeout').name,
      }));`;
    expect(site.run(script)).toEqual({
      sameClass: true,
      isOAuth2Strategy: true,
      name: 'mastodon',
      sameErrors: true,
      errorName: 'MastodonError',
    });
  });

  it('loads nothing that only the bridge or the example needs', () => {
    const script = `
      require('passport-mastodon-oauth2');
      console.log(JSON.stringify(Object.keys(require.cache)));`;
    const loaded = site.run(script) as string[];
    expect(loaded).toContainEqual(expect.stringMatching(/passport-mastodon-oauth2\/dist\/strategy\.js$/));
    expect(
      loaded.filter((path) =>
        /\/node_modules\/(ws|yaml|lmdb|express)\/|\/dist\/(bridge|service|stores)\//.test(path),
      ),
    ).toEqual([]);
  });

  it('says what to install where the bridge has no ws', () => {
    const script = `
      try { require('passport-mastodon-oauth2/bridge'); } catch ({ message }) {
        console.log(JSON.stringify(message));
      }`;
    expect(site.run(script)).toBe(
      'passport-mastodon-oauth2/bridge needs a package that is not installed: npm install ws',
    );
  });

  it('gives the stores, and loads no driver before one is opened', () => {
    const script = `
      const it = require('passport-mastodon-oauth2/stores');
      const loaded = Object.keys(require.cache).filter((path) => /node_modules.(lmdb|@redis)/.test(path));
      it.openEmbeddedStore('store.mdb').catch(({ code }) =>
        console.log(JSON.stringify({ names: Object.keys(it).sort(), loaded, code })));`;
    const names = ['openEmbeddedStore', 'redisBus', 'redisStore'];
    expect(site.run(script)).toEqual({ names, loaded: [], code: 'ERR_MODULE_NOT_FOUND' });
  });

  it('finds the package.json, and nothing inside dist/', () => {
    const script = `
      const codeOf = (path) => { try { require(path); return 'found'; } catch (error) { return error.code; } };
      console.log(JSON.stringify([
        codeOf('passport-mastodon-oauth2/package.json'),
        codeOf('passport-mastodon-oauth2/dist/strategy.js'),
      ]));`;
    expect(site.run(script)).toEqual(['found', 'ERR_PACKAGE_PATH_NOT_EXPORTED']);
  });
});

describe('import()', () => {
  it('gives the very objects that require() gives, each under the same name', () => {
    const script = `
      import { createRequire } from 'node:module';
      import * as imported from 'passport-mastodon-oauth2';
      import byDefault from 'passport-mastodon-oauth2';
      const required = createRequire(import.meta.url)('passport-mastodon-oauth2');
      // Marks that Node and the compiler set, for interoperation.
      const namesOf = (it) => Object.keys(it).filter((name) => !['__esModule', 'module.exports'].includes(name));
      const names = namesOf(required);
      console.log(JSON.stringify({
        onlyRequired: names.filter((name) => !(name in imported)),
        onlyImported: namesOf(imported).filter((name) => !names.includes(name)),
        different: names.filter((name) => required[name] !== imported[name]),
        default: byDefault === required.MastodonStrategy,
      }));`;
    expect(site.run(script, 'module')).toEqual({
      onlyRequired: [],
      onlyImported: [],
      different: [],
      default: true,
    });
  });
});

it('gives every door its types where a compiler knows no "exports"', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const doors = Object.keys(manifest.exports).filter(
    (path) => path.startsWith('./') && !/\.json$|\.css$/.test(path),
  );
  const folder = mkdtempSync(join(site.folder, 'node10-'));
  const text = doors.map(
    (path, i) => `export * as door${i} from 'passport-mastodon-oauth2/${path.slice(2)}';\n`,
  );
  writeFileSync(join(folder, 'doors.ts'), text.join(''));
  const compilerOptions = {
    module: 'commonjs',
    moduleResolution: 'node10',
    ignoreDeprecations: '6.0',
    target: 'es2022',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    noEmit: true,
    esModuleInterop: true,
    skipLibCheck: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  expect(doors).toEqual(expect.arrayContaining(['./bridge', './stores']));
  expect(compilerErrors(folder)).toBe('');
});

/** The package that holds the types of another: `@types`, unless that is not declared and the package itself is. */
function typesOf(path: string, declared: object): string {
  const name = packageOf(path);
  const apart = `@types/${name}`;
  return Object.hasOwn(declared, name) && !Object.hasOwn(declared, apart) ? name : apart;
}

function packageOf(path: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path;
}

function compilerErrors(folder: string): string {
  try {
    execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
