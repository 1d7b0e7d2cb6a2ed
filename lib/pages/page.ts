/** Renders and sends the pages of bridge and issuer, with their security headers. */

import { hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { MastodonError } from '../errors.js';
import { escapeHTML } from '../util/html.js';
import { pressScript } from './press.js';
import { style } from './style.js';

export interface Page {
  readonly status: number;
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** URL of the button's script, if the page uses it. */
  readonly script?: string | undefined;
}

/**
 * A form. Turbo and htmx would send it with `fetch`, which cannot follow the redirect to another site.
 * @param hidden values of hidden fields
 * @param content HTML
 */
export function pageForm(hidden: Readonly<Record<string, string>>, content: string, action?: string): string {
  const target = action === undefined ? '' : ` action="${escapeForPage(action)}"`;
  const fields = Object.entries(hidden).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escapeForPage(value)}">\n`,
  );
  return `<form class="mastodon-login-form" method="post" data-turbo="false" hx-boost="false"${target}>
${fields.join('')}${content}
</form>`;
}

/** @param paragraphs HTML */
export function messagePage(status: number, title: string, paragraphs: readonly string[]): Page {
  return { status, title, body: paragraphs.map((text) => `<p>${text}</p>`).join('\n') };
}

/**
 * A page as an HTML document, with its headers. A page with a form has the script that ignores accidental presses, and no
 * `form-action`: Chromium applies it to all redirects after the form, whose targets are not known.
 */
export function rendered({ title, body, script }: Page): {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
} {
  const hasForm = body.includes('<form');
  // Cloudflare replaces e-mail addresses and handles, except between these comments.
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeForPage(title)}</title>
<style>${style}</style>
${hasForm ? `<script>${pressScript}</script>\n` : ''}${script === undefined ? '' : `<script type="module" src="${escapeForPage(script)}"></script>\n`}</head>
<body class="mastodon-login">
<main>
<!--email_off-->
<h1>${escapeForPage(title)}</h1>
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

export const internalError = 'Something went wrong on our side. Please try again in a moment.';

/** The page for a login that failed with an error. @param advice HTML */
export function failurePage(error: unknown, advice: string): Page {
  const { status, message } =
    error instanceof MastodonError ? error : { status: 500, message: internalError };
  return messagePage(status, 'The login did not work', [escapeForPage(message), advice]);
}

/** @param allowed methods, as in the header `Allow` */
export function sendWrongMethod(res: ServerResponse, allowed: string): void {
  res.setHeader('Allow', allowed);
  sendPage(res, messagePage(405, 'That does not work here', ['Open the address as a page in a browser.']));
}

/** Redirects with 303: the browser follows with GET, also after a form, and caches nothing. */
export function sendRedirect(res: ServerResponse, url: string): void {
  setHeaders(res, secureHeaders("form-action 'none'"));
  res.statusCode = 303;
  res.setHeader('Location', url);
  res.setHeader('Content-Length', 0);
  res.end();
}

/** More than four combining marks in a row, joiners between them included. */
const stackedMarks = /([\p{M}\u200c\u200d]{4})[\p{M}\u200c\u200d]+/gu;

/** Text as HTML, also for a quoted attribute. Removes stacked combining marks, which would cover the lines above and below. */
export function escapeForPage(text: string): string {
  return escapeHTML(text.replace(stackedMarks, '$1'));
}

/** A name from elsewhere, as HTML. `bdi` keeps its direction from the text around it. */
export function strong(name: string): string {
  return `<strong><bdi>${escapeForPage(name)}</bdi></strong>`;
}

/** A code to compare, as HTML. Screen readers read it letter by letter. */
export function codeToCompare(code: string): string {
  const spelled = code.replace(/\W/g, '').split('').join(' ');
  return `<p class="code"><span aria-hidden="true">${escapeForPage(code)}</span><span class="spoken">${escapeForPage(spelled)}</span></p>`;
}

/** As a source of the content security policy. */
function sourceOf(text: string): string {
  return `'sha256-${hash('sha256', text, 'base64')}'`;
}

const styleSource = sourceOf(style);
const pressScriptSource = sourceOf(pressScript);

/** Only these scripts run, and they cannot write HTML. */
function scriptRules(sources: readonly string[]): string {
  if (sources.length === 0) return '';
  return `script-src ${sources.join(' ')}; require-trusted-types-for 'script'; trusted-types 'none'; `;
}

/** No `Cross-Origin-Opener-Policy`: a login page in a popup would lose the page that opened it. */
function secureHeaders(more: string): Record<string, string> {
  return {
    'Content-Security-Policy': `default-src 'none'; base-uri 'none'; frame-ancestors 'none'; ${more}`,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    // URLs have the ID of a request, or a code.
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store, no-transform',
    'X-Robots-Tag': 'noindex',
  };
}

function setHeaders(res: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}
