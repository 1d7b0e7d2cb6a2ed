/** The pages of bridge and issuer: an HTML document around a page's text, its security headers, and how it is sent. */

import type { ServerResponse } from 'node:http';
import { pressScript, pressScriptSource } from './press.js';
import { style, styleSource } from './style.js';

export interface Page {
  readonly status: number;
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** URL of the button's script, for a page that uses it. */
  readonly script?: string | undefined;
}

/**
 * Attributes of every form on a page of ours. Turbo and htmx would send the form with `fetch`, which cannot follow the
 * redirect to another site.
 */
export const formAttributes = 'class="mastodon-login-form" method="post" data-turbo="false" hx-boost="false"';

export function notFoundPage(): Page {
  return messagePage(404, 'Not found', ['There is nothing at this address.']);
}

export function wrongMethodPage(): Page {
  return messagePage(405, 'That does not work here', ['Open the address as a page in a browser.']);
}

/** @param paragraphs HTML */
export function messagePage(status: number, title: string, paragraphs: readonly string[]): Page {
  return { status, title, body: paragraphs.map((text) => `<p>${text}</p>`).join('\n') };
}

/**
 * A page as an HTML document, with its headers. A page with a form gets the script that ignores presses that were not
 * meant, and no `form-action`: Chromium applies that to all redirects after the form, and where those lead is not known.
 */
export function rendered({ title, body, script }: Page): {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
} {
  const hasForm = body.includes('<form');
  // Cloudflare replaces what looks like an e-mail address, such as a handle, except between these comments.
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
${hasForm ? `<script>${pressScript}</script>\n` : ''}${script === undefined ? '' : `<script type="module" src="${escape(script)}"></script>\n`}</head>
<body class="mastodon-login">
<main>
<!--email_off-->
<h1>${escape(title)}</h1>
${body}
<!--/email_off-->
</main>
</body>
</html>
`;
  const scripts = [...(script === undefined ? [] : [script]), ...(hasForm ? [pressScriptSource] : [])];
  const policy = `${scriptRules(scripts)}style-src ${styleSource}${hasForm ? '' : "; form-action 'none'"}`;
  return { html, headers: { ...secureHeaders(policy), 'Content-Type': 'text/html; charset=utf-8' } };
}

export function sendPage(res: ServerResponse, page: Page): void {
  const { html, headers } = rendered(page);
  res.statusCode = page.status;
  setHeaders(res, headers);
  res.setHeader('Content-Length', Buffer.byteLength(html));
  res.end(html);
}

/** Sends the browser on with 303: it follows with GET, also after a form, and caches nothing. */
export function sendAway(res: ServerResponse, url: string): void {
  setHeaders(res, secureHeaders("form-action 'none'"));
  res.statusCode = 303;
  res.setHeader('Location', url);
  res.setHeader('Content-Length', 0);
  res.end();
}

/** More than four combining marks in a row, joiners between them included. */
const stackedMarks = /([\p{M}\u200c\u200d]{4})[\p{M}\u200c\u200d]+/gu;

/** Text as HTML, also inside a quoted attribute. Leaves out stacked marks, which would paint over the lines above and below. */
export function escape(text: string): string {
  return text.replace(stackedMarks, '$1').replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Exactly these scripts run, and none can be made to write HTML. */
function scriptRules(sources: readonly string[]): string {
  if (sources.length === 0) return '';
  return `script-src ${sources.join(' ')}; require-trusted-types-for 'script'; trusted-types 'none'; `;
}

/** No `Cross-Origin-Opener-Policy`: it would cut the tie between a login page in a popup and the page that opened it. */
function secureHeaders(more: string): Record<string, string> {
  return {
    'Content-Security-Policy': `default-src 'none'; base-uri 'none'; frame-ancestors 'none'; ${more}`,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    // URLs here hold a request's ID, or a code.
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store, no-transform',
    'X-Robots-Tag': 'noindex',
  };
}

function setHeaders(res: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}
