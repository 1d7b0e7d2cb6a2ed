/** All code in README.md, in docs/ and in the other pages: compiled, parsed, or run by a test that the page names. */

import { brokenPromises } from './check.js';
import { compilerErrors, isCompiled } from './compile.js';
import { allPages, blocksOf, type Page } from './pages.js';

// A compiler that finds the types of all packages that the pages show.
jest.setTimeout(120_000);

const page = (...lines: string[]): Page => ({
  path: 'README.md',
  text: ['# Page', '', ...lines, ''].join('\n'),
});
const compiled = (...lines: string[]) => compilerErrors(blocksOf(page(...lines)));
const promises = (...lines: string[]) => brokenPromises(blocksOf(page(...lines)));

describe('the pages', () => {
  const pages = allPages();
  const blocks = pages.flatMap(blocksOf);

  it('contain code, and so does the README', () => {
    const ofReadme = blocks.filter(({ page }) => page === 'README.md');
    expect(ofReadme.some((block) => isCompiled(block) && block.tag === undefined)).toBe(true);
    expect(pages.some(({ path }) => path.startsWith('docs/'))).toBe(true);
  });

  it('show code that compiles', () => {
    expect(compilerErrors(blocks)).toEqual([]);
  });

  it('keep the claims about their code', async () => {
    expect(await brokenPromises(blocks)).toEqual([]);
  });

  it('have as many parsed blocks as fences', () => {
    const fences = pages.flatMap(({ text }) => text.match(/^ *```+/gm) ?? []);
    expect(blocks.length * 2).toBe(fences.length);
  });
});

describe('the check of TypeScript and JavaScript', () => {
  it('names the page and the line of a mistake', () => {
    const code = [
      `import { MastodonStrategy } from 'passport-mastodon-oauth2';`,
      '',
      'new MastodonStrategy();',
    ];
    expect(compiled('```ts', ...code, '```')).toEqual([
      expect.stringMatching(/^README\.md, line 6: Expected .* arguments/),
    ]);
  });

  it('declares the prelude in fragments, and only there', () => {
    const code = ['```ts', `app.post('/login', passport.authenticate('mastodon'));`, '```'];
    expect(compiled('<!-- fragment -->', ...code)).toEqual([]);
    expect(compiled(...code)).toEqual([
      expect.stringContaining(`line 4: Cannot find name 'app'`),
      expect.stringContaining(`line 4: Cannot find name 'passport'`),
    ]);
  });

  it('checks JavaScript for its syntax', () => {
    expect(compiled('```js', 'const x = ;', '```')).toEqual(['README.md, line 4: Expression expected.']);
    expect(compiled('```js', `const { x } = require('anything');`, '```')).toEqual([]);
  });

  it('finds code in lists', () => {
    expect(compiled('- This:', '  ```js', '  const x = ;', '  ```')).toEqual([
      'README.md, line 5: Expression expected.',
    ]);
  });
});

describe('the check of the rest', () => {
  it.each([
    ['a line for the shell', 'sh', 'npm ci && (', /syntax error/],
    ['a script that there is not', 'sh', 'npm run nothing', /no script "nothing"/],
    ['a value', 'json', '{ "a": }', /JSON/],
    ['a document', 'yaml', 'a: [', /Flow sequence/],
    ['an element', 'html', '<form><label>Server <input></form>', /<\/form> ends something else/],
    ['a language that nothing checks', 'cobol', 'STOP RUN.', /nothing checks "cobol"/],
    ['a block that does not say its language', '', 'whatever', /nothing checks ""/],
  ])('finds %s', async (_what, language, code, wrong) => {
    expect(await promises(`\`\`\`${language}`, code, '```')).toEqual([expect.stringMatching(wrong)]);
  });

  it('compares an excerpt with its file', async () => {
    const excerpt = (...lines: string[]) =>
      promises('<!-- from test/docs/readme-usage.test.ts -->', '```js', ...lines, '```');
    const [first, last] = [`import { readFileSync } from 'node:fs';`, `import request from 'supertest';`];
    expect(await excerpt(first, '// …', last)).toEqual([]);
    expect(await excerpt(first, last)).toEqual([
      expect.stringContaining('does not go on with: import request'),
    ]);
    expect(await excerpt(last, '// …', first)).toEqual([expect.stringContaining('does not go on with')]);
    expect(await promises('<!-- from test/none.ts -->', '```js', '```')).toEqual([
      'README.md, line 5: there is no test/none.ts',
    ]);
  });

  it('compares a block with the test that it names', async () => {
    const named = (path: string) => promises(`<!-- run by ${path} -->`, '```nginx', 'listen 80;', '```');
    expect(await named('test/none.test.ts')).toEqual([
      expect.stringContaining('there is no test/none.test.ts'),
    ]);
    expect(await named('test/layout.test.ts')).toEqual([
      expect.stringContaining('does not speak of README.md'),
    ]);
    expect(await named('test/docs/readme-usage.test.ts')).toEqual([]);
  });

  it('reads a configuration file with the service’s own reader', async () => {
    const file = (...lines: string[]) => promises('<!-- config issuer -->', '```yaml', ...lines, '```');
    expect(await file('app_name: My login', 'app_host: login.example.com', 'tls: yes')).toEqual([
      expect.stringMatching(/line 5: .*tls/s),
    ]);
    expect(await file('app_name: My login', 'app_host: login.example.com')).toEqual([]);
  });
});
