/** The web door as it is published: what it loads, and what its types name. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { installTarball, type Site } from './site.js';

let site: Site;
beforeAll(() => {
  site = installTarball();
});
afterAll(() => site.remove());

it.each(['passport-mastodon-oauth2', 'passport-mastodon-oauth2/web'])(
  'importing %s reads options and errors; what a login needs comes with the first login',
  (name) => {
    const script = `
    require('${name}');
    console.log(JSON.stringify(Object.keys(require.cache)));`;
    const loaded = site.run(script) as string[];
    const own = loaded.filter((path) => path.includes('/passport-mastodon-oauth2/dist/'));
    expect(own.filter((path) => /\/(instance|net)\/|engine\.js$/.test(path))).toEqual([]);
    expect(own.length).toBeLessThan(30);
  },
);

it('loads no Passport, no Express, and no other door', () => {
  const script = `
    const { createLogin } = require('passport-mastodon-oauth2/web');
    const login = createLogin({ clientName: 'Site', callbackURL: 'https://site.example/callback' });
    login.begin(new Request('https://site.example/login?instance=nobody')).catch(({ code }) => {
      if (code !== 'instance_invalid') throw new Error(code);
      console.log(JSON.stringify(Object.keys(require.cache)));
    });`;
  const loaded = site.run(script) as string[];
  expect(loaded).toContainEqual(expect.stringMatching(/dist\/login\/engine\.js$/));
  const others =
    /node_modules\/(?!tiny-lru|ipaddr\.js|undici\/lib|passport-mastodon)|dist\/(?!web|login|instance|net)\w+\//;
  expect(loaded.map((path) => path.replace(site.folder, '')).filter((path) => others.test(path))).toEqual([]);
  expect(loaded).not.toContainEqual(expect.stringMatching(/dist\/(index|strategy|passport)\.js$/));
});

it('has types that name none of theirs', () => {
  const dist = join(site.folder, 'node_modules', 'passport-mastodon-oauth2', 'dist');
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(path, 'utf8'));
    for (const { fileName } of [...importedFiles, ...typeReferenceDirectives]) {
      const target = join(dirname(path), fileName.replace(/\.js$/, '.d.ts'));
      if (!fileName.startsWith('.')) packages.add(fileName);
      else if (existsSync(target)) visit(target);
      else throw new Error(`${path} names ${fileName}, which is not there`);
    }
  };
  visit(join(dist, 'web', 'index.d.ts'));
  expect(seen.size).toBeGreaterThan(5);
  expect([...packages].filter((name) => name !== 'node' && !name.startsWith('node:'))).toEqual([]);
});

it('gives the same classes to require() and to import', () => {
  const script = `
    import { createRequire } from 'node:module';
    import { createLogin, ErrorCode, MastodonError } from 'passport-mastodon-oauth2/web';
    import { MastodonError as ofTheStrategy } from 'passport-mastodon-oauth2';
    const required = createRequire(import.meta.url)('passport-mastodon-oauth2/web');
    console.log(JSON.stringify([
      Object.keys(required).sort(),
      createLogin === required.createLogin,
      ErrorCode === required.ErrorCode,
      MastodonError === required.MastodonError,
      MastodonError === ofTheStrategy,
    ]));`;
  const names = ['ErrorCode', 'MastodonError', 'createLogin'];
  expect(site.run(script, 'module')).toEqual([names, true, true, true, true]);
});
