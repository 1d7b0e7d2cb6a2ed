/** Whose the package is stands in one place, and what is published leads there. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '..', '..');

it('repository, homepage, bugs and author name one owner', () => {
  const { author, homepage, bugs, repository } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as { author: string; homepage: string; bugs: string; repository: { url: string } };
  const [, owner = ''] = /github\.com\/([\w-]+)\//.exec(repository.url) ?? [];
  const address = `https://github.com/${owner}/passport-mastodon-oauth2`;
  expect(repository.url).toBe(`git+${address}.git`);
  expect(homepage).toBe(`${address}#readme`);
  expect(bugs).toBe(`${address}/issues`);
  expect(author).toContain(`(https://github.com/${owner})`);
});

it('no other file names the owner, so that there is one place to fill in', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
  const naming = files.filter(
    (path) =>
      /\.(md|json|ya?ml|[cm]?[jt]s|html)$/.test(path) &&
      !path.endsWith('package-lock.json') &&
      /github\.com\/[\w-]+\/passport-mastodon-oauth2/.test(readFileSync(join(root, path), 'utf8')),
  );
  expect(naming).toEqual(['package.json']);
});
