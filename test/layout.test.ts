/**
 * The layout of lib/: imports go down only, without a cycle, and every file begins with a sentence about its
 * content.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/**
 * From top to bottom, each row with its groups side by side. A group is a folder, or files that belong together. A
 * file imports from rows below its own, and from its own group. Every file must have a row.
 */
const rows = [
  ['service/'],
  ['index.ts passport/', 'core/', 'web/', 'bridge/', 'issuer/'],
  ['testing/', 'stores/'],
  ['pages/'],
  ['button/'],
  ['login/'],
  ['client/ discovery/'],
  ['http/'],
  ['store.ts'],
  ['options.ts'],
  ['events.ts'],
  ['errors.ts'],
  ['util/'],
];

/** Path below lib/, with forward slashes, to the text of the file. */
type Sources = ReadonlyMap<string, string>;

const lib = join(__dirname, '..', 'lib');
const sources: Sources = new Map(
  readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[cm]?ts$/.test(path))
    .sort()
    .map((path) => [path.replaceAll('\\', '/'), readFileSync(join(lib, path), 'utf8')]),
);

interface Place {
  readonly row: number;
  readonly group: string;
}

function placeOf(path: string): Place | undefined {
  const isOf = (entry: string) => (entry.endsWith('/') ? path.startsWith(entry) : path === entry);
  const groups = rows.flatMap((row, index) => row.map((group) => ({ row: index, group })));
  return groups.find(({ group }) => group.split(' ').some(isOf));
}

function mayImport(from: Place, to: Place | undefined): boolean {
  return to !== undefined && (to.row > from.row || to.group === from.group);
}

/** The files that one file imports: statically, dynamically, by require, or for a type only. */
function importsOf(path: string, files: Sources): string[] {
  const { importedFiles } = ts.preProcessFile(files.get(path) ?? '', true, true);
  return importedFiles.flatMap(({ fileName }) => {
    if (!fileName.startsWith('.')) return [];
    const target = posix.join(posix.dirname(path), fileName);
    if (target === '../package.json') return [];
    const bare = target.replace(/\.([cm]?)js$/, '.$1ts');
    const found = [bare, `${target}.ts`, posix.join(target, 'index.ts')].find((candidate) =>
      files.has(candidate),
    );
    return [found ?? `${fileName} (not a file of lib)`];
  });
}

/** Every import that breaks the rule, as a sentence. */
function wrongImports(files: Sources): string[] {
  return [...files.keys()].flatMap((path) => {
    const place = placeOf(path);
    if (!place) return [`${path} has no row in the layout`];
    return importsOf(path, files)
      .filter((target) => !mayImport(place, placeOf(target)))
      .map((target) => `${path} imports ${target}`);
  });
}

/** Every cycle of imports, as the path that returns to its beginning. */
function cycles(files: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' > '));
    if (trail.includes(path) || done.has(path)) return;
    for (const target of importsOf(path, files)) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return found;
}

/** Short helpers of one file, whose name says all. */
const localNames = new Set(['close', 'invalid']);

/** Functions, classes and types of two files with one name. A reader who searches for one would find the other. */
function homonyms(files: Sources): string[] {
  const declared = new Map<string, string[]>();
  for (const [path, text] of files) {
    for (const [, name = ''] of text.matchAll(
      /^(?:export )?(?:async )?(?:function|class|interface|type) (\w+)/gm,
    ))
      if (!localNames.has(name)) declared.set(name, [...(declared.get(name) ?? []), path]);
  }
  // Overloads of one function repeat its name.
  return [...declared].filter(([, paths]) => new Set(paths).size > 1).map((entry) => entry.flat().join(' '));
}

describe('the layout of lib/', () => {
  it('allows imports in one direction only', () => {
    expect(wrongImports(sources)).toEqual([]);
  });

  it('has no cycle of imports', () => {
    expect(cycles(sources)).toEqual([]);
  });

  it('gives one name to one thing', () => {
    expect(homonyms(sources)).toEqual([]);
  });

  it.each([...sources])('%s begins with a sentence about its content, and is short', (_path, text) => {
    expect(text).toMatch(/^(#!.*\n)?\/\*\*/);
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(300);
  });
});

describe('the check itself', () => {
  const files = (texts: Record<string, string>) => new Map(Object.entries(texts));
  const target = { 'login/token.ts': '' };

  it.each([
    ['an import', `import { x } from '../login/token';`],
    ['a type', `import type { X } from '../login/token.js';`],
    ['an inline type', `let x: import('../login/token').X;`],
    ['a re-export', `export * from '../login/token';`],
    ['a require', `const x = require('../login/token');`],
    ['an import-require', `import x = require('../login/token');`],
    ['a dynamic import', `const x = import('../login/token.js');`],
  ])('sees %s that runs upwards', (_what, text) => {
    expect(wrongImports(files({ ...target, 'http/network.ts': text }))).toEqual([
      'http/network.ts imports login/token.ts',
    ]);
  });

  it('sees two functions of one name', () => {
    const text = 'export function hostOf() {}';
    expect(homonyms(files({ 'http/a.ts': text, 'util/b.ts': text }))).toEqual(['hostOf http/a.ts util/b.ts']);
  });

  it('allows an import downwards, or within a folder', () => {
    const text = `import { x } from '../login/token';`;
    expect(wrongImports(files({ ...target, 'bridge/page.ts': text, 'login/login.ts': text }))).toEqual([]);
  });

  it('sees an adapter that imports another one', () => {
    expect(
      wrongImports(files({ 'web/index.ts': `import '../bridge/cookies.js';`, 'bridge/cookies.ts': '' })),
    ).toEqual(['web/index.ts imports bridge/cookies.ts']);
    expect(
      wrongImports(files({ 'index.ts': `import './passport/strategy.js';`, 'passport/strategy.ts': '' })),
    ).toEqual([]);
  });

  it('ignores imports in comments and strings', () => {
    const text = `// import '../login/token';\nconst s = "import '../login/token'";`;
    expect(wrongImports(files({ ...target, 'http/network.ts': text }))).toEqual([]);
  });

  it('sees a file without a row, and an import that leaves lib/', () => {
    expect(
      wrongImports(files({ 'utils.ts': '', 'http/network.ts': `import '../../test/support/x';` })),
    ).toEqual([
      'utils.ts has no row in the layout',
      'http/network.ts imports ../../test/support/x (not a file of lib)',
    ]);
  });

  it('sees a cycle, also of types', () => {
    const cycle = {
      'http/a.ts': `import './b';`,
      'http/b.ts': `import type { C } from './c';`,
      'http/c.ts': `import './a';`,
      'http/d.ts': `import './a';`,
    };
    expect(cycles(files(cycle))).toEqual(['http/a.ts > http/b.ts > http/c.ts > http/a.ts']);
    expect(cycles(files({ ...cycle, 'http/c.ts': '' }))).toEqual([]);
  });
});
