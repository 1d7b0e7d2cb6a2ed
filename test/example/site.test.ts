/** The example site as visitors use it: real processes, real HTTP, every page opened by its links and forms. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { attribute, Browser, type Page } from './browser.js';
import { startExample, type Running } from './running.js';
import { openFile } from '../stores/stage.js';

let folder: string;
let example: Running;
let demoHost: string;
let browser: Browser;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'example-'));
  example = await startExample({ DATA_DIR: folder });
  demoHost = new URL(example.demo!).host;
});

afterAll(async () => {
  await example.kill();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  browser = new Browser();
});

async function type(text: string): Promise<Page> {
  return browser.submit(await browser.open(example.site), '/auth/mastodon', { instance: text });
}

async function logIn(account = 'wren'): Promise<Page> {
  return browser.submit(await type(demoHost), '/oauth/authorize', { account, answer: 'allow' });
}

/** The page without the script of the button, its only one. */
function withoutButton({ html }: Page): string {
  const script = '<script type="module" src="/button/mastodon-login.js"></script>';
  expect(html.split(script)).toHaveLength(2);
  return html.replace(script, '');
}

function field(page: Page): string {
  return /<input[^>]*id="instance"[^>]*>/s.exec(page.html)?.[0] ?? '';
}

describe('logging in', () => {
  it('leads from the button to the page with the user', async () => {
    const start = await browser.open(example.site);
    expect(start.url).toBe(`${example.site}/login`);
    expect(start.text).toContain('Log in with Mastodon');

    const consent = await type(demoHost);
    expect(new URL(consent.url).origin).toBe(example.demo);
    expect(consent.text).toContain('Demonstration instance – not a real server');
    expect(consent.text).toContain('Let Example Garden know who you are?');

    const home = await browser.submit(consent, '/oauth/authorize', { account: 'wren', answer: 'allow' });
    expect(home.url).toBe(`${example.site}/`);
    expect(home.text).toContain('You are logged in as Wren Okafor');
    expect(home.text).toContain(`@wren@${demoHost} verified`);
    expect(home.text).toContain(`Instance ${demoHost}`);
    expect(home.text).toContain('Software demonstration');
    expect(home.text).toContain(`Account key ${example.demo}#1`);
    expect(home.html).toContain(`<a href="${example.demo}/@wren"`);
  });

  it('shows the picture and links to the profile, both of which exist', async () => {
    const home = await logIn('tove');
    const picture = /<img[^>]*>/s.exec(home.html)?.[0] ?? '';
    expect(attribute(picture, 'referrerpolicy')).toBe('no-referrer');
    const image = await fetch(attribute(picture, 'src')!);
    expect([image.status, image.headers.get('content-type')]).toEqual([200, 'image/svg+xml; charset=utf-8']);
    expect((await browser.open(`${example.demo}/@tove`)).text).toContain('Tove Lindqvist');
  });

  it('accepts what people type', async () => {
    for (const text of [` ${demoHost} `, `@wren@${demoHost}`, `wren@${demoHost}`, `${example.demo}/@wren`]) {
      expect(new URL((await type(text)).url).pathname).toBe('/oauth/authorize');
    }
  });

  it('has a shortcut to the demonstration', async () => {
    const page = await browser.open(example.site);
    expect(page.forms.map(({ fields }) => fields.instance)).toEqual(['', demoHost]);
  });

  it('continues if the visitor opened another name of this machine', async () => {
    const { port } = new URL(example.site);
    expect((await browser.open(`http://127.0.0.1:${port}/login`)).url).toBe(`${example.site}/login`);
  });
});

describe('logging out', () => {
  it('ends the session, also for a copied cookie', async () => {
    const home = await logIn();
    const thief = browser.copy();
    const after = await browser.submit(home, '/logout');
    expect(after.url).toBe(`${example.site}/login`);
    expect((await browser.open(example.site)).url).toBe(`${example.site}/login`);
    expect((await thief.open(example.site)).url).toBe(`${example.site}/login`);
  });
});

describe('a failure', () => {
  it('is shown beside the field, once, and keeps the typed text', async () => {
    const page = await type('mastodon social');
    expect(page.html).toMatch(/role="alert"[^>]*id="instance-error"/);
    expect(page.text).toContain('That is not the address of a server.');
    expect(page.html).toContain('<title>Error: Log in');
    expect(attribute(field(page), 'value')).toBe('mastodon social');
    expect(attribute(field(page), 'aria-describedby')).toBe('instance-error instance-hint');
    expect(field(page)).toMatch(/\sautofocus\b/);

    const again = await browser.open(`${example.site}/login`);
    expect(again.html).not.toContain('role="alert"');
    expect(attribute(field(again), 'value')).toBe('');
    expect(attribute(field(again), 'aria-describedby')).toBe('instance-hint');
  });

  it.each([
    ['', 'No server was entered'],
    ['127.0.0.1', 'That is not the address of a server'],
    ['localhost:1', 'That is not the address of a server'],
    ['x'.repeat(3_000), 'That is not the address of a server'],
    ['no-such-server.invalid', 'We could not reach no-such-server.invalid'],
  ])('explains %.30p', async (text, sentence) => {
    const page = await type(text);
    expect(page.url).toBe(`${example.site}/login`);
    expect(page.text).toContain(sentence);
  });

  it('explains a denial, and the next login works', async () => {
    const page = await browser.submit(await type(demoHost), '/oauth/authorize', { answer: 'deny' });
    expect(page.text).toContain(
      `The login was cancelled on ${demoHost}. If that was a mistake, please log in again.`,
    );
    expect(attribute(field(page), 'value')).toBe(demoHost);
    expect((await logIn()).text).toContain('You are logged in as');
  });

  it('refuses a forged or used callback', async () => {
    const callback = `${example.site}/auth/mastodon/callback/${demoHost}`;
    const forged = await browser.open(`${callback}?code=x&state=${'x'.repeat(43)}`);
    expect(forged.url).toBe(`${example.site}/login`);
    expect(forged.text).toContain('This login has expired or was already used');
    expect((await browser.open(example.site)).url).toBe(`${example.site}/login`);
  });

  it('has pages for missing paths and invalid requests', async () => {
    const missing = await browser.open(`${example.site}/nothing`);
    expect([missing.status, missing.text.includes('Page not found')]).toEqual([404, true]);
    const start = await browser.open(example.site);
    const huge = await browser.submit(start, '/auth/mastodon', { instance: 'x'.repeat(10_000) });
    expect([huge.status, huge.text.includes('That did not work')]).toEqual([413, true]);
  });
});

describe('hostile visitors and instances', () => {
  it('see a hostile name shown as text', async () => {
    const home = await logIn('mallory');
    expect(home.text).toContain('Mallory <script>alert("hi")</script>');
    expect(withoutButton(home)).not.toContain('<script');
  });

  it('see hostile input shown as text', async () => {
    const page = await type('"><script>alert(1)</script>');
    expect(attribute(field(page), 'value')).toBe('"><script>alert(1)</script>');
    expect(withoutButton(page)).not.toContain('<script');
  });

  it('cannot use a form of another site', async () => {
    await logIn();
    const evil = 'https://evil.example/';
    expect((await browser.submitFrom(evil, `${example.site}/logout`, {})).status).toBe(403);
    expect(
      (await browser.submitFrom(evil, `${example.site}/auth/mastodon`, { instance: demoHost })).status,
    ).toBe(403);
    expect((await browser.submitFrom(example.demo!, `${example.site}/logout`, {})).status).toBe(403);
    expect((await browser.open(example.site)).text).toContain('You are logged in as');
  });

  it('cannot run scripts on a page, frame it, or have it cached', async () => {
    for (const page of [await type('?'), await logIn(), await browser.open(`${example.site}/nothing`)]) {
      expect(page.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'self'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; /,
      );
      expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(page.headers.get('x-content-type-options')).toBe('nosniff');
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('x-powered-by')).toBeNull();
      expect(withoutButton(page)).not.toMatch(/<script|<style|\son\w+=|\sstyle=/i);
    }
  });
});

it('every page has a language, one title, one heading and its landmarks', async () => {
  const login = await browser.open(example.site);
  const consent = await type(demoHost);
  const home = await browser.submit(consent, '/oauth/authorize', { answer: 'allow' });
  for (const { html } of [login, consent, home, await browser.open(`${example.site}/nothing`)]) {
    expect(html).toMatch(/<html lang="en">/);
    for (const tag of ['title', 'h1', 'header', 'main', 'footer']) {
      expect([tag, [...html.matchAll(new RegExp(`<${tag}\\b`, 'g'))].length]).toEqual([tag, 1]);
    }
  }
  const titles = [login, consent, home].map(({ html }) => /<title>(.*?)<\/title>/.exec(html)?.[1]);
  expect(new Set(titles).size).toBe(3);
  expect(login.html).toContain('<label for="instance">');
});

it('keeps registration and sessions when the process is killed', async () => {
  const apps = async () => {
    const { root, items } = openFile(join(folder, 'demo.mdb'));
    const keys = [...items.getKeys()].filter((key) => key.startsWith('app:'));
    await root.close();
    return keys;
  };
  await logIn();
  await example.kill();
  const before = await apps();
  const { port } = new URL(example.site);
  const demoPort = new URL(example.demo!).port;
  example = await startExample({ DATA_DIR: folder, PORT: port, DEMO_PORT: demoPort });
  expect((await browser.open(example.site)).text).toContain('You are logged in as Wren Okafor');

  browser = new Browser();
  expect((await logIn('tove')).text).toContain('You are logged in as Tove');
  expect(before).not.toEqual([]);
  expect(await apps()).toEqual(before);
});

it('registers anew when the instance has forgotten the site', async () => {
  // Without other requests: the site asks the demonstration instance at most once a minute whether it knows the
  // site.
  await example.kill();
  rmSync(folder, { recursive: true, force: true });
  folder = mkdtempSync(join(tmpdir(), 'example-'));
  example = await startExample({ DATA_DIR: folder });
  demoHost = new URL(example.demo!).host;
  await logIn();
  await example.kill();
  for (const name of ['demo.mdb', 'demo.mdb-lock']) rmSync(join(folder, name));
  const { port } = new URL(example.site);
  example = await startExample({ DATA_DIR: folder, PORT: port, DEMO_PORT: new URL(example.demo!).port });
  browser = new Browser();
  // The first time, the visitor is left on the instance's page, goes back and tries again.
  expect((await type(demoHost)).status).toBe(400);
  expect((await logIn()).text).toContain('You are logged in as Wren Okafor');
});

it('runs without the demonstration in production', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'example-'));
  const production = await startExample({ DATA_DIR: dataDir, NODE_ENV: 'production' });
  try {
    expect(production.demo).toBeUndefined();
    const page = await browser.open(production.site);
    expect(page.text).not.toContain('demonstration');
    const refused = await browser.submit(page, '/auth/mastodon', { instance: demoHost });
    expect(refused.text).toContain('That is not the address of a server');
  } finally {
    await production.kill();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

it('behind a proxy with TLS, sets secure cookies only, and serves its client metadata to Misskey', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'example-'));
  const proxied = await startExample({
    DATA_DIR: dataDir,
    DEMO: 'off',
    PORT: '0',
    BASE_URL: 'https://garden.example',
  });
  try {
    const { port } = /listens on port (?<port>\d+)/.exec(proxied.output())!.groups!;
    const answer = await fetch(`http://localhost:${port}/auth/mastodon`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'x-forwarded-proto': 'https', origin: 'https://garden.example' },
    });
    expect(answer.headers.get('location')).toBe('/login');
    expect(answer.headers.get('set-cookie')).toMatch(
      /^__Host-session=.*; Path=\/; .*HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(answer.headers.get('strict-transport-security')).toBeTruthy();
    const document = await request(`http://localhost:${port}`)
      .get('/auth/mastodon/client/misskey.example')
      .set({ host: 'garden.example', 'x-forwarded-proto': 'https' });
    // A document is served only to a server at which a login began.
    expect(document.status).toBe(404);
  } finally {
    await proxied.kill();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

it('says which setting to change when a port is taken', async () => {
  const { port } = new URL(example.site);
  const started = startExample({ DATA_DIR: folder, PORT: port, DEMO: 'off' });
  await expect(started).rejects.toThrow(`Port ${port} is in use. Choose another one with PORT=`);
});
