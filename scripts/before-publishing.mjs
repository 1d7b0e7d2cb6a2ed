/**
 * Refuses to publish a package without an owner, a version without an entry in CHANGELOG.md, or a tag of another
 * version.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const manifest = readFileSync(join(root, 'package.json'), 'utf8');
const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
const { version } = JSON.parse(manifest);
const tag = process.env.GITHUB_REF_NAME;

const problems = [
  manifest.includes('OWNER') && 'package.json still has OWNER in it: put in whose repository this is',
  !new RegExp(`^## ${version.replaceAll('.', '\\.')} - \\d{4}-\\d\\d-\\d\\d$`, 'm').test(changelog) &&
    `CHANGELOG.md has no entry "## ${version} - DATE"`,
  tag !== undefined && tag !== `v${version}` && `the tag is ${tag}, and the version ${version}`,
].filter(Boolean);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
