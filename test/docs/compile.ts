/** Compiles blocks of TypeScript with strict settings, against the types in dist/. */

import { join } from 'node:path';
import ts from 'typescript';
import { root, type Block } from './pages.js';

/** The declarations that a fragment may use. */
const prelude = `
  declare const app: import('express').Express;
  declare const express: typeof import('express');
  declare const passport: import('passport').PassportStatic;
  declare const MastodonStrategy: typeof import('passport-mastodon-oauth2').MastodonStrategy;
  declare const strategy: import('passport-mastodon-oauth2').MastodonStrategy;
  declare const login: import('passport-mastodon-oauth2/web').WebLogin;
  declare const options: Omit<import('passport-mastodon-oauth2').MastodonStrategyOptions, 'passReqToCallback'>;
  declare const store: import('passport-mastodon-oauth2').KeyValueStore;
  declare const origin: string;
  declare const mustBeLoggedIn: import('express').RequestHandler;
  type MastodonProfile = import('passport-mastodon-oauth2').MastodonProfile;
  declare namespace Express {
    interface User { id: string }
  }
  declare const users: {
    link(userId: string, accountKey: string, handle: string): Promise<void>;
    findOrCreate(profile: import('passport-mastodon-oauth2').MastodonProfile): Promise<Express.User>;
  };
`;

// In the package's own folder, where its name refers to itself through the "exports" of package.json.
const preludePath = join(root, 'prelude.d.ts');

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.Node16,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts'],
  types: ['node'],
  strict: true,
  noEmit: true,
  esModuleInterop: true,
  skipLibCheck: true,
  allowJs: true,
  // For folders with a package.json of their own.
  paths: { 'passport-mastodon-oauth2': [join(root, 'dist', 'index.d.ts')] },
};

const extensions: Readonly<Record<string, string>> = {
  ts: 'mts',
  typescript: 'mts',
  js: 'js',
  javascript: 'js',
};

/** An excerpt of TypeScript is compiled in its own file, with the lines around it. */
export const isCompiled = ({ language, tag }: Block): boolean =>
  Object.hasOwn(extensions, language) && !(tag?.kind === 'from' && language === 'ts');

/** Blocks with packages that only a folder below test/recipes has are compiled there. */
const needsOtherPackages = ({ tag }: Block) =>
  tag?.kind === 'run by' && tag.value.startsWith('test/recipes/');

/** A block that is run and imports nothing may use the same declarations as a fragment. */
const isFragment = ({ tag, code }: Block) =>
  tag?.kind === 'fragment' || (tag?.kind === 'run by' && !/^import /m.test(code));

/** Files that all programs share, once they are read: the libraries' types are most of the work. */
const read = new Map<string, ts.SourceFile | undefined>();

/**
 * Every error, with its page and line. JavaScript is checked for its syntax only.
 * @param folder has the packages that the blocks name
 */
export function compilerErrors(blocks: readonly Block[], folder = root): string[] {
  const compiled = blocks.filter(
    (block) =>
      isCompiled(block) && block.tag?.kind !== 'from' && (folder !== root || !needsOtherPackages(block)),
  );
  return [
    ...errorsIn(folder, compiled.filter(isFragment), [[preludePath, prelude]]),
    ...errorsIn(
      folder,
      compiled.filter((block) => !isFragment(block)),
      [],
    ),
  ];
}

function errorsIn(
  folder: string,
  blocks: readonly Block[],
  around: readonly (readonly [string, string])[],
): string[] {
  if (blocks.length === 0) return [];
  const pathOf = ({ page, line, language }: Block) =>
    join(folder, `${page.replaceAll('/', '-')}-${line}.${extensions[language]}`);
  const byPath = new Map(blocks.map((block) => [pathOf(block), block]));
  const texts = new Map([...around, ...[...byPath].map(([path, { code }]) => [path, code] as const)]);
  const host = ts.createCompilerHost(compilerOptions);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    if (texts.has(path)) return getSourceFile(path, ...rest);
    if (!read.has(path)) read.set(path, getSourceFile(path, ...rest));
    return read.get(path);
  };

  const program = ts.createProgram([...texts.keys()], compilerOptions, host);
  return [...texts.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      (error) => {
        const within = file?.getLineAndCharacterOfPosition(error.start ?? 0).line ?? 0;
        const { page = path, line = 1 } = byPath.get(path) ?? {};
        return `${page}, line ${line + within}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`;
      },
    );
  });
}
