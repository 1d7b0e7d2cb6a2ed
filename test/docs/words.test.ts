/** The pages use the project's terms: the words of scripts/words.json stand in none of them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import avoided from '../../scripts/words.json';

const root = join(__dirname, '../..');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const pattern = new RegExp(`\\b(?:${Object.keys(avoided).join('|')})\\b`, 'giu');

/** Prose alone: neither code nor the targets of links, nor the titles of tests. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), 'utf8')
    .replace(/^```[^]*?^```/gm, '')
    .replace(/\[[^\]]*\]\((?:\.\.\/)?test\/[^)]*\)/g, '')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/`[^`\n]*`/g, '');
}

it.each(pages)('%s', (page) => {
  const words = proseOf(page).match(pattern) ?? [];
  expect([page, words]).toEqual([page, []]);
});
