/** A page that a person sees: small, escaped, complete without scripts, framed by nobody; and how it is sent. */

import type { ServerResponse } from 'node:http';
import { style, styleSource } from './style.js';

export interface Page {
  readonly status: number;
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** Address of the one script that may run on it: the button's. */
  readonly script?: string | undefined;
}

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
 * The answer that shows a page, for whatever sends it.
 * @param formTargets where a form's answer may lead besides here; without it there is no form. Browsers hold redirects
 *   to `form-action` too, and an instance may lead on to another server that signs its people in: so this names
 *   schemes, not hosts
 */
export function rendered(
  { title, body, script }: Page,
  formTargets?: readonly string[],
): { readonly html: string; readonly headers: Readonly<Record<string, string>> } {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
${script === undefined ? '' : `<script type="module" src="${escape(script)}"></script>\n`}</head>
<body class="mastodon-login">
<main>
<h1>${escape(title)}</h1>
${body}
</main>
</body>
</html>
`;
  const formAction = formTargets ? ["'self'", ...formTargets].join(' ') : "'none'";
  const headers = {
    ...secureHeaders(`${scriptRules(script)}style-src ${styleSource}; form-action ${formAction}`),
    'Content-Type': 'text/html; charset=utf-8',
  };
  return { html, headers };
}

export function sendPage(res: ServerResponse, page: Page, formTargets?: readonly string[]): void {
  const { html, headers } = rendered(page, formTargets);
  res.statusCode = page.status;
  setHeaders(res, headers);
  res.setHeader('Content-Length', Buffer.byteLength(html));
  res.end(html);
}

/** 303: the browser goes there with GET, whatever it came with, and remembers nothing. */
export function sendAway(res: ServerResponse, url: string): void {
  setHeaders(res, secureHeaders("form-action 'none'"));
  res.statusCode = 303;
  res.setHeader('Location', url);
  res.setHeader('Content-Length', 0);
  res.end();
}

/** Text as HTML, also inside a quoted attribute. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** That very file, and nothing that it could be made to write into the page. */
function scriptRules(script: string | undefined): string {
  if (script === undefined) return '';
  return `script-src ${script}; require-trusted-types-for 'script'; trusted-types 'none'; `;
}

function secureHeaders(more: string): Record<string, string> {
  return {
    'Content-Security-Policy': `default-src 'none'; base-uri 'none'; frame-ancestors 'none'; ${more}`,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Opener-Policy': 'same-origin',
    // Addresses here hold a request's ID, or a code.
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    'X-Robots-Tag': 'noindex',
  };
}

function setHeaders(res: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}
