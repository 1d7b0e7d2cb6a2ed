/** docs/errors.md has a row for each error code, with the code's status and message. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ErrorCode,
  MastodonError,
  type MastodonErrorCode,
  type MastodonErrorReason,
} from '../../lib/index.js';
import { root } from './pages.js';

const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
const codes = Object.keys(ErrorCode) as MastodonErrorCode[];

/** With this type the compiler requires a new reason to be added here. */
const reasons: Record<MastodonErrorReason, true> = {
  name_without_dot: true,
  user_without_server: true,
  email_address: true,
  speaks_misskey: true,
  misskey_too_old: true,
  single_use_apps: true,
  other_software: true,
  certificate: true,
  server_error: true,
  server_busy: true,
  login_ended: true,
  scope_not_granted: true,
  secrets_forgotten: true,
};

it.each(codes)('%s: the status, the visitor’s message, the cause, and the fix', (code) => {
  const { status, message } = new MastodonError(code, { instance: 'mastodon.example' });
  const [row = ''] = page
    .split('\n')
    .filter((line) => line.startsWith(`| <a id="${code}"></a>\`${code}\` |`));
  expect(row).toContain(`| ${status} | ${message} |`);
  const [cause = '', advice = ''] = row.split(' | ').slice(3);
  expect([cause, advice]).toEqual([expect.stringMatching(/.{20}/), expect.stringMatching(/.{10}/)]);
});

it('every row is about a code that exists', () => {
  const rows = Array.from(page.matchAll(/^\| <a id="(\w+)">/gm), ([, code]) => code);
  expect([...rows].sort()).toEqual([...codes].sort());
});

it.each(Object.keys(reasons))('the reason %s is explained', (reason) => {
  expect(page).toContain(`\`${reason}\``);
});

it('every warning is explained', () => {
  const lib = join(root, 'lib');
  const warnings = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => readFileSync(join(lib, path), 'utf8').match(/'MASTODON_[A-Z_]+'/g) ?? [])
    .map((code) => code.slice(1, -1));
  expect(warnings.length).toBeGreaterThan(5);
  expect(warnings.filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([]);
});
