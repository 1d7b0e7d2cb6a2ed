/** Runs the site in README.md unchanged. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Express } from 'express';
import request from 'supertest';
import ts from 'typescript';

function firstBlock(): string {
  const page = readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8');
  return /```ts\n(.*?)```/s.exec(page)?.[1] ?? '';
}

/** Runs the first block of TypeScript in README.md, without its last line, which listens on a port. */
function siteOfReadme(): Express {
  const code = firstBlock();
  const end = 'app.listen(3000);';
  expect(code).toContain(end);
  const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
  const { outputText } = ts.transpileModule(code.replace(end, 'export { app };'), {
    compilerOptions: options,
  });
  const exports: { app?: Express } = {};
  // The name of the package resolves to dist/, like in a site's project.
  new Function('exports', 'require', outputText)(exports, createRequire(__filename));
  if (!exports.app) throw new Error('README.md makes no app');
  return exports.app;
}

/** Parses the block as JavaScript, where TypeScript syntax is an error. */
function javaScriptErrors(code: string): string[] {
  const options = { allowJs: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { diagnostics = [] } = ts.transpileModule(code, {
    compilerOptions: options,
    fileName: 'site.mjs',
    reportDiagnostics: true,
  });
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

describe('the site in README.md', () => {
  const app = siteOfReadme();

  it('is valid JavaScript without changes', () => {
    expect(javaScriptErrors(firstBlock())).toEqual([]);
    expect(javaScriptErrors('const a: string = "";')).not.toEqual([]);
  });

  it('has a login form with a label', async () => {
    const page = await request(app).get('/login').expect(200);
    expect(page.text).toContain('name="instance"');
    expect(page.text).toMatch(/<label for="mastodon-login">/);
  });

  it('shows a failure once, and keeps the text that was typed', async () => {
    const browser = request.agent(app);
    await browser
      .post('/auth/mastodon')
      .type('form')
      .send({ instance: '127.0.0.1"<b>' })
      .expect(302)
      .expect('location', '/login');
    const { text } = await browser.get('/login');
    expect(text).toContain('That is not the address of a server.');
    expect(text).toContain('value="127.0.0.1&quot;&lt;b&gt;"');
    expect((await browser.get('/login')).text).not.toContain('That is not the address of a server.');
  });

  it('refuses a forged callback', async () => {
    const browser = request.agent(app);
    await browser
      .get('/auth/mastodon/callback/mastodon.social/done?code=x&state=y')
      .expect(302)
      .expect('location', '/login');
    await browser.get('/').expect(/Log in/);
  });

  it('logs out by POST, also a visitor who is not logged in', async () => {
    await request(app).post('/logout').expect(302).expect('location', '/');
  });
});
