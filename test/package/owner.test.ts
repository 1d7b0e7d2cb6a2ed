/** The owner of the repository is named in one line of package.json, and the release check refuses the placeholder. */

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '..', '..');
const manifest = readFileSync(join(root, 'package.json'), 'utf8');

it('package.json names the owner once; homepage and issue tracker are derived from it', () => {
  const { repository } = JSON.parse(manifest) as { repository: { url: string } };
  const [, owner = ''] =
    /^git\+https:\/\/github\.com\/([\w-]+)\/passport-mastodon-oauth2\.git$/.exec(repository.url) ?? [];
  expect(owner).not.toBe('');
  expect(manifest.split('\n').filter((line) => line.includes(owner))).toHaveLength(1);
});

it('no other file names the owner', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
  const naming = files.filter(
    (path) =>
      /\.(md|json|ya?ml|[cm]?[jt]s|html)$/.test(path) &&
      !path.endsWith('package-lock.json') &&
      /github\.com\/[\w-]+\/passport-mastodon-oauth2/.test(readFileSync(join(root, path), 'utf8')),
  );
  expect(naming).toEqual(['package.json']);
});

it('the release check refuses the placeholder', () => {
  if (!manifest.includes('github.com/OWNER/')) return expect(manifest).not.toContain('OWNER');
  const { status, stderr } = spawnSync(process.execPath, ['scripts/before-publishing.mjs'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([1, expect.stringContaining('package.json still has OWNER')]);
});
