/** A small site with the built button and the strictest policy: nothing inline, no eval, no untrusted HTML. */

import { createServer, type ServerResponse } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { basename, join, resolve } from 'node:path';

const files = resolve(__dirname, '..', '..', 'dist', 'button', 'browser');

const strictPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const types: Record<string, string> = { js: 'text/javascript', css: 'text/css', html: 'text/html' };

/** The script that pages load the button with. */
export const buttonScript = '<script type="module" src="/button/mastodon-login.js"></script>';

export interface Login {
  readonly fields: URLSearchParams;
  /** Responds like a site that has found the instance. */
  goOn(): void;
  /** Responds like a site whose login has failed: with a redirect to a page of the site. */
  fail(path: string): void;
  /**
   * Sends no response, so the visitor stays on the page. The page cannot distinguish that from a slow server. (Chromium's
   * debugger does not answer while the browser leaves a page, so a test could not look at such a page.)
   */
  stay(): void;
}

export interface Site {
  readonly origin: string;
  /** The HTML of the login page. */
  body: string;
  /** Attributes of the page's <html>. */
  html: string;
  /** More elements in the page's <head>. */
  head: string;
  /** CSS rules after those of the page. */
  css: string;
  /** The page's Content-Security-Policy. */
  policy: string;
  /** Further scripts, by their path. */
  readonly scripts: Map<string, string>;
  /** Logins that were sent and that `login()` has not returned yet. */
  readonly sent: Login[];
  /** The next login that is sent; its response waits for `goOn`. */
  login(): Promise<Login>;
  close(): void;
}

const pageStyle = `:root { color-scheme: light dark; }
body { margin: 0; background: var(--mastodon-login-page); color: var(--mastodon-login-text); font: 1rem/1.5 sans-serif; }
main { max-width: 26rem; margin: 2rem auto; padding: 1.5rem; background: var(--mastodon-login-surface); }
h1 { margin: 0 0 1rem; font-size: 1.5rem; }`;

export async function startSite(): Promise<Site> {
  const waiting: ((login: Login) => void)[] = [];
  const answer = (res: ServerResponse, type: string, text: string | Buffer) => {
    res.writeHead(200, { 'Content-Type': `${types[type] ?? 'text/plain'}; charset=utf-8` });
    res.end(text);
  };
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? '/', 'http://localhost');
    res.setHeader('Content-Security-Policy', site.policy);
    if (req.method === 'POST') {
      let text = '';
      req.on('data', (chunk) => (text += String(chunk)));
      req.on('end', () => {
        const goOn = () => void res.writeHead(303, { Location: '/instance' }).end();
        const stay = () => void res.writeHead(204).end();
        const fail = (path: string) => void res.writeHead(303, { Location: path }).end();
        const login = { fields: new URLSearchParams(text), goOn, fail, stay };
        const next = waiting.shift();
        if (next) next(login);
        else site.sent.push(login);
      });
    } else if (pathname === '/instance') {
      answer(res, 'html', '<!doctype html><html lang="en"><title>Instance</title><h1>Confirm</h1>');
    } else if (pathname === '/page.css') {
      answer(res, 'css', pageStyle + site.css);
    } else if (pathname.startsWith('/button/') && existsSync(join(files, basename(pathname)))) {
      answer(res, pathname.split('.').pop() ?? '', readFileSync(join(files, basename(pathname))));
    } else if (site.scripts.has(pathname)) {
      answer(res, 'js', site.scripts.get(pathname) ?? '');
    } else if (pathname === '/' || pathname === '/login') {
      answer(
        res,
        'html',
        `<!doctype html><html ${site.html}><head><meta charset="utf-8"><title>Log in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/button/mastodon-login.css"><link rel="stylesheet" href="/page.css">
${site.head}</head>
<body class="mastodon-login"><main><h1>Log in</h1>${site.body}</main></body></html>`,
      );
    } else {
      res.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const site: Site = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    body: '',
    html: 'lang="en"',
    head: buttonScript,
    css: '',
    policy: strictPolicy,
    scripts: new Map(),
    sent: [],
    login: () => {
      const login = site.sent.shift();
      return login ? Promise.resolve(login) : new Promise((done) => waiting.push(done));
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return site;
}
