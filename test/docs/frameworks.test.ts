/** docs/frameworks.md: every example is there, and its install line names all that its program imports. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, root } from './pages.js';

const path = 'docs/frameworks.md';
const text = readFileSync(join(root, path), 'utf8');
const examples = readdirSync(join(root, 'example')).filter((name) =>
  existsSync(join(root, 'example', name, 'package.json')),
);

/** Each line's packages, without versions. */
const installed = blocksOf({ path, text })
  .filter(({ language }) => language === 'sh')
  .flatMap(({ code }) => code.trim().split('\n'))
  .map((line) => line.replace(/^npm install (--save-dev )?/, '').split(' '));

it.each(examples)('%s is in the table, with the line that starts it', (name) => {
  expect(text).toMatch(
    new RegExp(`\\| \`npm ci && npm run example ${name}\` \\| \\[.*\\.\\./example/${name}/`),
  );
});

it.each(examples)('a line installs what %s needs, and nothing else', (name) => {
  const manifest = JSON.parse(readFileSync(join(root, 'example', name, 'package.json'), 'utf8')) as {
    dependencies: object;
    devDependencies?: object;
  };
  for (const packages of [manifest.dependencies, manifest.devDependencies ?? {}].map(Object.keys)) {
    if (packages.length > 0) expect(installed.map((line) => line.sort())).toContainEqual(packages.sort());
  }
});

it.each(examples)('%s is installed from this repository, whatever the registry has', (name) => {
  const lock = JSON.parse(readFileSync(join(root, 'example', name, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; link?: boolean }>;
  };
  expect(lock.packages['node_modules/passport-mastodon-oauth2']).toEqual({ resolved: '../..', link: true });
});
