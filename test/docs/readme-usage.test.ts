/** The thirty lines of README.md, run as they stand. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Express } from 'express';
import request from 'supertest';
import ts from 'typescript';

/** Runs the page's first block of TypeScript; only the port it would listen on is left out. */
function siteOfReadme(): Express {
  const page = readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8');
  const code = /```ts\n(.*?)```/s.exec(page)?.[1] ?? '';
  const end = 'app.listen(3000);';
  expect(code).toContain(end);
  const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
  const { outputText } = ts.transpileModule(code.replace(end, 'export { app };'), {
    compilerOptions: options,
  });
  const exports: { app?: Express } = {};
  // As in a project of one's own: the package's name leads to what was built.
  new Function('exports', 'require', outputText)(exports, createRequire(__filename));
  if (!exports.app) throw new Error('README.md makes no app');
  return exports.app;
}

describe('the site of README.md', () => {
  const app = siteOfReadme();

  it('offers a login with one field', async () => {
    const page = await request(app).get('/login').expect(200);
    expect(page.text).toContain('name="instance"');
  });

  it('sends a visitor who mistyped back to the form', async () => {
    await request(app)
      .post('/auth/mastodon')
      .type('form')
      .send({ instance: '127.0.0.1' })
      .expect(302, /\/login/);
  });

  it('lets nobody in by a forged callback', async () => {
    const browser = request.agent(app);
    await browser
      .get('/auth/mastodon/callback/mastodon.social?code=x&state=y')
      .expect(302)
      .expect('location', '/login');
    await browser.get('/').expect(/Log in/);
  });
});
