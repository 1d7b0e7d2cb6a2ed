/** Runs the site in README.md unchanged. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Express } from 'express';
import request from 'supertest';
import { exportsOf, javaScriptErrors } from './run-block';

function firstBlock(): string {
  const page = readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8');
  return /```ts\n(.*?)```/s.exec(page)?.[1] ?? '';
}

/** Runs the first block of TypeScript in README.md, without its last line, which listens on a port. */
function siteOfReadme(): Express {
  const code = firstBlock();
  const end = 'app.listen(3000);';
  expect(code).toContain(end);
  const { app } = exportsOf<{ app: Express }>(code.replace(end, 'export { app };'));
  if (!app) throw new Error('README.md makes no app');
  return app;
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
