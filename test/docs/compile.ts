/** Compiles blocks of TypeScript as a strict site would, against the types in dist/. */

import { join } from 'node:path';
import ts from 'typescript';
import { root, type Block } from './pages.js';

/** What a fragment may take for granted. */
const prelude = `
  declare const app: import('express').Express;
  declare const express: typeof import('express');
  declare const passport: import('passport').PassportStatic;
  declare const MastodonStrategy: typeof import('passport-mastodon-oauth2').MastodonStrategy;
  declare const strategy: import('passport-mastodon-oauth2').MastodonStrategy;
  declare const login: import('passport-mastodon-oauth2/web').WebLogin;
  declare const options: Omit<import('passport-mastodon-oauth2').MastodonStrategyOptions, 'passReqToCallback'>;
  declare const store: import('passport-mastodon-oauth2').KeyValueStore;
  declare const users: {
    findOrCreate(profile: import('passport-mastodon-oauth2').MastodonProfile): Promise<Express.User>;
  };
`;

// In the package's own folder, where its name stands for itself through the "exports" of package.json.
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
};

const extensions: Readonly<Record<string, string>> = {
  ts: 'mts',
  typescript: 'mts',
  js: 'js',
  javascript: 'js',
};

export const isCompiled = ({ language }: Block): boolean => Object.hasOwn(extensions, language);

/** Files that all programs share, once they were read: the libraries' types are most of the work. */
const read = new Map<string, ts.SourceFile | undefined>();

/** Every error, with its page and line. JavaScript is held to its syntax only. */
export function compilerErrors(blocks: readonly Block[]): string[] {
  const isFragment = ({ tag }: Block) => tag?.kind === 'fragment';
  const compiled = blocks.filter(isCompiled);
  return [
    ...errorsIn(compiled.filter(isFragment), [[preludePath, prelude]]),
    ...errorsIn(
      compiled.filter((block) => !isFragment(block)),
      [],
    ),
  ];
}

function errorsIn(blocks: readonly Block[], around: readonly (readonly [string, string])[]): string[] {
  const pathOf = ({ page, line, language }: Block) =>
    join(root, `${page.replaceAll('/', '-')}-${line}.${extensions[language]}`);
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
