/** SECURITY.md claims no defence without a test: each row names a test file, and a test in it by its title. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const lines = readFileSync(join(root, 'SECURITY.md'), 'utf8').split('\n');
const head = lines.indexOf('| threat | defence | test |');
const rows = lines.filter(
  (line, index) => index > head && line.startsWith('| ') && !line.includes('| threat |'),
);
const link = /\| \[([^\]]+)\]\((test\/[\w/.-]+\.ts)\) *\|$/;

/** Titles of tests and groups of a file, in any kind of quotes. */
function titlesIn(source: string): string[] {
  return [...source.matchAll(/(['"`])((?:(?!\1)[^\\\n]|\\.)*)\1/g)].map(([, , text = '']) =>
    text.replace(/\\(['"`])/g, '$1'),
  );
}

it('has a row for every threat', () => {
  expect(rows.length).toBeGreaterThan(50);
});

it.each(rows)('%.60s', (row) => {
  expect(row).toMatch(link);
  const [, title = '', file = ''] = link.exec(row) ?? [];
  expect(existsSync(join(root, file))).toBe(true);
  expect(titlesIn(readFileSync(join(root, file), 'utf8')).filter((text) => text.includes(title))).not.toEqual(
    [],
  );
});
