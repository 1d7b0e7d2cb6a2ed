/**
 * Builds the button into dist/button: for browsers one module, its types and one stylesheet; for `require` one
 * file.
 */

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  minify: true,
});
// For `require`, in tests of a page; outside of the folder, because this file is not for browsers.
await bundle.write({ file: join(target, '..', 'mastodon-login.js'), format: 'cjs' });
await bundle.close();

// The types of the other files are not part of the API.
const types = mkdtempSync(join(tmpdir(), 'button-'));
const tsc = join(root, 'node_modules/typescript-7/bin/tsc');
const only = ['--noEmit', 'false', '--emitDeclarationOnly', '--outDir', types];
execFileSync(process.execPath, [tsc, '-p', source, ...only], { stdio: 'inherit' });
for (const name of ['mastodon-login.d.ts', 'attributes.d.ts']) {
  copyFileSync(join(types, 'button', 'browser', name), join(target, '..', name));
}
// One type for both kinds of modules, because the element is declared for the whole program.
writeFileSync(join(target, 'mastodon-login.d.ts'), "export * from '../mastodon-login.js';\n");
rmSync(types, { recursive: true });

copyFileSync(join(source, 'mastodon-login.css'), join(target, 'mastodon-login.css'));
const textOf = (name) => JSON.stringify(readFileSync(join(target, name), 'utf8'));
writeFileSync(
  join(target, '..', '..', 'pages', 'button-files.js'),
  `exports.buttonScript = ${textOf('mastodon-login.js')};\nexports.buttonStyle = ${textOf('mastodon-login.css')};\n`,
);
// The package is CommonJS; this folder is for browsers, which support ES modules only.
writeFileSync(join(target, 'package.json'), '{ "type": "module" }\n');
