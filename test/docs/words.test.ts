/**
 * Pages, configuration, styles and file names use the project's terms: none contains a word of scripts/words.json. The
 * lint rule of scripts/words.mjs checks the code.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avoided from '../../scripts/words.json';

const root = join(__dirname, '../..');
const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
const pattern = new RegExp(`\\b(?:${Object.keys(avoided).join('|')})\\b`, 'giu');

const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** The prose without code and without the targets of links. */
const proseOf = (page: string) =>
  read(page)
    .replace(/^```[^]*?^```/gm, '')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/`[^`\n]*`/g, '');

it.each(files.filter((path) => path.endsWith('.md')))('%s', (page) => {
  expect(proseOf(page).match(pattern) ?? []).toEqual([]);
});

/** ESLint reads none of these. */
const isOther = (path: string) =>
  /\.(ya?ml|css|html|conf|service|svelte|astro|sh)$|^\.ci\/|^example\/(astro|sveltekit)\/.*\.[jt]s$/.test(
    path,
  );

it.each(files.filter(isOther))('%s', (path) => {
  expect(read(path).match(pattern) ?? []).toEqual([]);
});

it('file names', () => {
  const names = files.map((path) => path.replace(/[-_./]+/g, ' ').replace(/([a-z\d])([A-Z])/g, '$1 $2'));
  expect(names.filter((name) => name.match(pattern))).toEqual([]);
});
