/** The code in README.md: compiled against the types in dist/, as a strict site would compile it. */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(__dirname, '..', '..');

/** What a fragment may take for granted. A fragment is a block right below a line `<!-- fragment -->`. */
const prelude = `
  declare const app: import('express').Express;
  declare const passport: import('passport').PassportStatic;
  declare const MastodonStrategy: typeof import('passport-mastodon-oauth2').MastodonStrategy;
  declare const options: Omit<import('passport-mastodon-oauth2').MastodonStrategyOptions, 'passReqToCallback'>;
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

interface Block {
  readonly path: string;
  /** Empty lines stand before the code, so that line numbers are those of the page. */
  readonly code: string;
  readonly isTypeScript: boolean;
  readonly isFragment: boolean;
}

function blocksOf(page: string): Block[] {
  const fences = page.matchAll(
    /^(<!-- fragment -->\n)?(```(ts|typescript|js|javascript)\n)([\s\S]*?)^```$/gm,
  );
  return Array.from(fences, (match) => {
    const [, mark = '', fence = '', language = '', code = ''] = match;
    const linesBefore = page.slice(0, match.index + mark.length + fence.length).split('\n').length - 1;
    const isTypeScript = language.startsWith('t');
    return {
      path: join(root, `README-${linesBefore}.${isTypeScript ? 'mts' : 'js'}`),
      code: '\n'.repeat(linesBefore) + code,
      isTypeScript,
      isFragment: mark !== '',
    };
  });
}

/** Every error, with its line in the page. JavaScript is held to its syntax only. */
function errorsIn(blocks: Block[]): string[] {
  const groups = [blocks.filter((block) => block.isFragment), blocks.filter((block) => !block.isFragment)];
  return groups.flatMap((group) => {
    const texts = new Map(group.map((block) => [block.path, block.code]));
    if (group[0]?.isFragment) texts.set(preludePath, prelude);
    const host = ts.createCompilerHost(compilerOptions);
    const { fileExists, readFile } = host;
    host.fileExists = (path) => texts.has(path) || fileExists(path);
    host.readFile = (path) => texts.get(path) ?? readFile(path);

    const program = ts.createProgram([...texts.keys()], compilerOptions, host);
    return [...texts.keys()].flatMap((path) => {
      const file = program.getSourceFile(path);
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
        (error) => {
          const line = file?.getLineAndCharacterOfPosition(error.start ?? 0).line ?? 0;
          return `line ${line + 1}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`;
        },
      );
    });
  });
}

describe('README.md', () => {
  const blocks = blocksOf(readFileSync(join(root, 'README.md'), 'utf8'));

  it('shows code', () => {
    expect(blocks.some((block) => block.isTypeScript && !block.isFragment)).toBe(true);
  });

  it('shows code that compiles', () => {
    expect(errorsIn(blocks)).toEqual([]);
  });
});

describe('the check itself', () => {
  const page = (...lines: string[]) => blocksOf(['# Page', '', ...lines, ''].join('\n'));

  it('names the line of a mistake', () => {
    expect(
      errorsIn(
        page(
          '```ts',
          `import { MastodonStrategy } from 'passport-mastodon-oauth2';`,
          '',
          'new MastodonStrategy();',
          '```',
        ),
      ),
    ).toEqual([expect.stringMatching(/^line 6: Expected .* arguments/)]);
  });

  it('knows the prelude in fragments, and only there', () => {
    const code = ['```ts', `app.post('/login', passport.authenticate('mastodon'));`, '```'];
    expect(errorsIn(page('<!-- fragment -->', ...code))).toEqual([]);
    expect(errorsIn(page(...code))).toEqual([
      expect.stringContaining(`line 4: Cannot find name 'app'`),
      expect.stringContaining(`line 4: Cannot find name 'passport'`),
    ]);
  });

  it('reads JavaScript for its syntax', () => {
    expect(errorsIn(page('```js', 'const x = ;', '```'))).toEqual(['line 4: Expression expected.']);
    expect(errorsIn(page('```js', `const { x } = require('anything');`, '```'))).toEqual([]);
  });
});
