/** The published package: the files of the tarball, their imports, and the targets of their links. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import ts from 'typescript';
import { linksOf } from '../docs/links';
import { installTarball, type Site } from './site';

const root = resolve(__dirname, '..', '..');

let site: Site;
beforeAll(() => {
  site = installTarball();
});
afterAll(() => site.remove());

const textOf = (path: string) =>
  readFileSync(join(site.folder, 'node_modules', 'passport-mastodon-oauth2', path), 'utf8');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, object>;
const committed = (path: string) =>
  execFileSync('git', ['ls-files', '-z', path], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);

/** Folders of the examples that a site copies, as docs/ says. */
const folders = ['astro/src', 'nest12/src', 'nest12/test', 'nextjs/app', 'nextjs/lib', 'sveltekit/src'].map(
  (folder) => `example/${folder}`,
);

describe('the tarball', () => {
  it('contains the compiled files of lib/, the documents, and what npm shows of a package', () => {
    const compiled = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith(join('button', 'browser')))
      .flatMap((path) => [path.replace(/ts$/, 'js'), path.replace(/ts$/, 'd.ts')])
      .map((path) => join('dist', path));
    const ofExports = Object.values(manifest['exports'] ?? {}).flatMap((entry: string | object) =>
      typeof entry === 'string' ? [entry] : Object.values(entry).flatMap((one: object) => Object.values(one)),
    ) as string[];
    const others = [
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'],
      ...['example/authenticator.yml', 'example/issuer.yml', ...folders.flatMap(committed)],
      'dist/button/browser/package.json',
      'dist/button/attributes.d.ts',
    ];
    expect(new Set(site.files)).toEqual(
      new Set([...compiled, ...ofExports.map((path) => join(path)), ...committed('docs'), ...others]),
    );
  });

  it('contains the documents that README and docs link to', () => {
    const broken = site.files
      .filter((path) => path === 'README.md' || path.startsWith('docs'))
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) =>
        linksOf(textOf(path))
          .map(({ target }) => target.replace(/#.*/, ''))
          .filter((target) => /\.(md|ya?ml)$/.test(target) && !/^https?:/.test(target))
          .map((target) => posix.join(posix.dirname(path), target)),
      )
      .filter((target) => !site.files.includes(target));
    // This page is about the repository, and npm links there.
    expect(new Set(broken)).toEqual(new Set(['CONTRIBUTING.md']));
  });

  it('imports only what its package.json declares, types included', () => {
    const declared = { ...manifest['dependencies'], ...manifest['peerDependencies'] };
    const imported = site.files
      .filter((path) => path.startsWith('dist'))
      .flatMap((path) =>
        ts
          .preProcessFile(textOf(path), true, true)
          .importedFiles.filter(({ fileName }) => !/^(\.|node:)/.test(fileName))
          .map(({ fileName }) => (/\.d\.[cm]?ts$/.test(path) ? typesOf(fileName, declared) : fileName)),
      );
    expect(imported).toContain('passport-oauth2');
    const packages = new Set(imported.map(packageOf));
    // The Vite plugins of both bundle each package that declares them. In development, CommonJS then fails.
    const undeclared = ['@types/svelte', '@types/solid-js'];
    expect([...packages].filter((name) => !Object.hasOwn(declared, name)).sort()).toEqual(undeclared.sort());
  });

  it('does not declare Svelte and Solid, so that a development server of Vite loads it', () => {
    const declared = { ...manifest['dependencies'], ...manifest['peerDependencies'] };
    expect(Object.keys(declared).filter((name) => ['svelte', 'solid-js'].includes(name))).toEqual([]);
  });

  it('is small', () => {
    expect(site.packedBytes).toBeLessThan(480_000);
  });
});

describe('the button', () => {
  it('can be imported without a DOM, and has a folder to serve', () => {
    const script = `
      import { MastodonLoginElement } from 'passport-mastodon-oauth2/button';
      import { loginForm, buttonFolder } from 'passport-mastodon-oauth2/button/form';
      import { readdirSync } from 'node:fs';
      const form = loginForm({ action: '/a' }).slice(0, 15);
      console.log(JSON.stringify([typeof MastodonLoginElement, form, readdirSync(buttonFolder).sort()]));`;
    const files = ['mastodon-login.css', 'mastodon-login.d.ts', 'mastodon-login.js', 'package.json'];
    expect(site.run(script, 'module')).toEqual(['function', '<mastodon-login', files]);
  });

  it('is one file that imports no other', () => {
    const script = textOf('dist/button/browser/mastodon-login.js');
    expect(ts.preProcessFile(script, true, true).importedFiles).toEqual([]);
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|\.style\b/);
  });
});

it('the command prints the examples of its configuration', () => {
  const command = join('node_modules', 'passport-mastodon-oauth2', 'dist', 'service', 'command.js');
  const outputs = ['authenticator', 'issuer'].map((name) =>
    execFileSync(process.execPath, [command, name, '--print-config'], { cwd: site.folder, encoding: 'utf8' }),
  );
  expect(outputs).toEqual([textOf('example/authenticator.yml'), textOf('example/issuer.yml')]);
});

it('the bridge says what to install if ws is missing', () => {
  const script = `
    try { require('passport-mastodon-oauth2/bridge'); } catch ({ message }) {
      console.log(JSON.stringify(message));
    }`;
  expect(site.run(script)).toBe(
    'passport-mastodon-oauth2/bridge needs a package that is not installed: npm install ws',
  );
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
