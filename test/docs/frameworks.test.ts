/** docs/frameworks.md lists every example, and its install lines name the packages of the example. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, root } from './pages.js';

const pages = ['docs/frameworks.md', 'docs/nest.md', 'docs/nextjs.md'].map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}));
const text = pages[0]?.text;
const examples = readdirSync(join(root, 'example')).filter((name) =>
  existsSync(join(root, 'example', name, 'package.json')),
);

/** The packages of each line, without versions. */
const installed = pages
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'sh')
  .flatMap(({ code }) =>
    code
      .trim()
      .replace(/\\\n\s*/g, '')
      .split(/\n| && /),
  )
  .map((line) => line.replace(/^npm install (--save-dev )?/, '').split(' '));

it.each(examples)('%s is in the table, with the line that starts it', (name) => {
  expect(text).toMatch(
    new RegExp(`\\| \`npm ci && npm run example ${name}\` \\| \\[.*\\.\\./example/${name}/`),
  );
});

/** The packages that the framework's own scaffold installs. */
const scaffolds: Readonly<Record<string, RegExp>> = {
  astro: /^(astro|@astrojs\/.*|typescript)$/,
  nest: /^(@nestjs\/(common|core|platform-express)|@types\/(express|node)|reflect-metadata|rxjs|typescript)$/,
  nextjs: /^(next|react|react-dom|@types\/.*|typescript)$/,
  sveltekit: /^(@sveltejs\/.*|svelte|svelte-check|vite|@types\/node|typescript)$/,
};

it.each(examples)('a line installs the packages that %s needs beside the scaffold, and no others', (name) => {
  const manifest = JSON.parse(readFileSync(join(root, 'example', name, 'package.json'), 'utf8')) as {
    dependencies: object;
    devDependencies?: object;
  };
  const scaffold = scaffolds[name.replace(/\d+$/, '')];
  for (const packages of [manifest.dependencies, manifest.devDependencies ?? {}].map(Object.keys)) {
    const own = packages.filter((one) => !scaffold?.test(one));
    if (own.length > 0) expect(installed.map((line) => line.sort())).toContainEqual(own.sort());
  }
});

it.each(examples)('%s is installed from this repository, whatever the registry has', (name) => {
  const lock = JSON.parse(readFileSync(join(root, 'example', name, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; link?: boolean }>;
  };
  expect(lock.packages['node_modules/passport-mastodon-oauth2']).toEqual({ resolved: '../..', link: true });
});
