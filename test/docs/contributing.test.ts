/** CONTRIBUTING.md names files and folders that exist. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
const paths = [...page.matchAll(/`((?:lib|test|docs|scripts)\/[\w./-]*)`/g)].map(([, path = '']) => path);

it.each([...new Set(paths)])('%s', (path) => {
  expect(existsSync(join(root, path))).toBe(true);
});
