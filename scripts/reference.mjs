/**
 * Writes docs/reference/: the exports of each import with their docstrings, read from lib/. `node
 * scripts/reference.mjs` writes the pages; with `--check` it writes nothing, names those that differ, and fails.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { withDeclaration } from './reference-text.mjs';

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'docs', 'reference');

/** In the order in which readers need them; an export of several imports is described at the first. */
const entries = [
  ['strategy', 'passport-mastodon-oauth2', 'lib/index.ts'],
  ['core', 'passport-mastodon-oauth2/core', 'lib/core/index.ts'],
  ['web', 'passport-mastodon-oauth2/web', 'lib/web/index.ts'],
  ['bridge', 'passport-mastodon-oauth2/bridge', 'lib/bridge/index.ts'],
  ['issuer', 'passport-mastodon-oauth2/issuer', 'lib/issuer/index.ts'],
  ['stores', 'passport-mastodon-oauth2/stores', 'lib/stores/index.ts'],
  ['testing', 'passport-mastodon-oauth2/testing', 'lib/testing/index.ts'],
  ['button', 'passport-mastodon-oauth2/button', 'lib/button/browser/mastodon-login.ts'],
  ['form', 'passport-mastodon-oauth2/button/form', 'lib/button/form.ts'],
];

/** Only the files of lib/: the text of a declaration is enough, so no other file has to be read. */
function programOf(files) {
  const options = { noLib: true, types: [], target: ts.ScriptTarget.ES2022 };
  const host = ts.createCompilerHost(options, true);
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) => ({
      resolvedModule: text.startsWith('.')
        ? {
            resolvedFileName: join(dirname(from), text.replace(/\.js$/, '.ts')),
            extension: ts.Extension.Ts,
          }
        : undefined,
    }));
  return ts.createProgram(files, options, host);
}

export function referencePages() {
  const program = programOf(entries.map(([, , file]) => join(root, file)));
  const checker = program.getTypeChecker();
  const declared = new Map();
  const pages = new Map();
  for (const [page, name, file] of entries) {
    const source = program.getSourceFile(join(root, file));
    const [, about = ''] = /^\/\*\*([\s\S]*?)\*\//.exec(source.text) ?? [];
    const sections = [];
    const elsewhere = [];
    for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(source))) {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const known = declared.get(target);
      if (known === undefined) {
        declared.set(target, { page, name: symbol.name });
        sections.push([symbol, target]);
      } else if (known.page !== page) {
        elsewhere.push(`[\`${known.name}\`](${known.page}.md#${known.name.toLowerCase()})`);
      }
    }
    const lines = sections
      .sort(([a], [b]) => rank(a, checker) - rank(b, checker))
      .map(([symbol, target]) => withDeclaration(symbol.name, target, checker, declared, page));
    pages.set(`${page}.md`, pageOf(name, about, lines, elsewhere));
  }
  pages.set('README.md', indexOf());
  return pages;
}

/** Functions and classes come before the types of their parameters. */
function rank(symbol, checker) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const [declaration] = target.declarations ?? [];
  if (declaration === undefined) return 2;
  return ts.isFunctionDeclaration(declaration) || ts.isClassDeclaration(declaration) ? 0 : 1;
}

const generated = '<!-- Written by scripts/reference.mjs from the docstrings in lib/. -->';

function pageOf(name, about, lines, elsewhere) {
  const text = about
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .join(' ')
    .trim();
  const also =
    elsewhere.length === 0 ? [] : ['', `It also gives ${elsewhere.join(', ')}, which are the same there.`];
  return [`# \`${name}\``, '', generated, '', text, ...also, '', ...lines].join('\n').trimEnd() + '\n';
}

function indexOf() {
  const list = entries.map(([page, name]) => `- [\`${name}\`](${page}.md)`);
  return [
    '# Reference',
    '',
    generated,
    '',
    'Everything that the package exports, import by import. What to do with it is told by the [other pages](../README.md).',
    '',
    ...list,
    '',
  ].join('\n');
}

const pages = referencePages();
if (process.argv.includes('--check')) {
  const there = new Set(readdirSync(folder));
  const differing = [...pages].filter(
    ([name, text]) => !there.delete(name) || readFileSync(join(folder, name), 'utf8') !== text,
  );
  const wrong = [...differing.map(([name]) => name), ...there];
  for (const name of wrong) console.log(`docs/reference/${name} is not what lib/ says: npm run reference`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
}
