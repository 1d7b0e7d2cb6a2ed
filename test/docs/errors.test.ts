/** docs/errors.md has a section for each error code, and says in it what the code says. */

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

/** The compiler asks for a new one. */
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

it.each(codes)('%s: what the visitor reads, why, and what to do', (code) => {
  const [, section = ''] = page.split(`### \`${code}\`\n`);
  const text = section.split(/^##/m)[0] ?? '';
  const { status, message } = new MastodonError(code, { instance: 'mastodon.example' });
  expect(text).toContain(`Status ${status}. The visitor reads: “${message}”`);
  expect(text).toMatch(/\*\*Cause\.\*\* [\s\S]{20,}\*\*What to do\.\*\* [\s\S]{10,}/);
});

it('no section is about a code that there is not', () => {
  const sections = Array.from(page.matchAll(/^### `(\w+)`$/gm), ([, code]) => code);
  expect([...sections].sort()).toEqual([...codes].sort());
});

it.each(Object.keys(reasons))('the reason %s is told', (reason) => {
  expect(page).toContain(`\`${reason}\``);
});

it('every warning is told', () => {
  const lib = join(root, 'lib');
  const warnings = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => readFileSync(join(lib, path), 'utf8').match(/'MASTODON_[A-Z_]+'/g) ?? [])
    .map((code) => code.slice(1, -1));
  expect(warnings.length).toBeGreaterThan(5);
  expect(warnings.filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([]);
});
