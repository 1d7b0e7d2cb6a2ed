/** Puts the button's files for the browser into dist/button/browser: one module, its types, one stylesheet. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'lib', 'button', 'browser');
const target = join(root, 'dist', 'button', 'browser');
mkdirSync(target, { recursive: true });

const bundle = await rolldown({ input: join(source, 'mastodon-login.ts'), platform: 'browser' });
await bundle.write({
  file: join(target, 'mastodon-login.js'),
  format: 'esm',
  banner: '/*! passport-mastodon-oauth2, MIT licence */',
});
await bundle.close();

// Only the element's own types are for others.
const types = mkdtempSync(join(tmpdir(), 'button-'));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const only = ['--noEmit', 'false', '--emitDeclarationOnly', '--outDir', types];
execFileSync(process.execPath, [tsc, '-p', source, ...only], { stdio: 'inherit' });
copyFileSync(join(types, 'button', 'browser', 'mastodon-login.d.ts'), join(target, 'mastodon-login.d.ts'));
rmSync(types, { recursive: true });

copyFileSync(join(source, 'mastodon-login.css'), join(target, 'mastodon-login.css'));
// The package is CommonJS; this folder is for browsers, which know modules only.
writeFileSync(join(target, 'package.json'), '{ "type": "module" }\n');
