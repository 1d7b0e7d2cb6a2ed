/** The pages that a person sees: small, escaped, without scripts, and framed by nobody. */

import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

const style = `
:root { color-scheme: light dark; --text: #1b1b1f; --back: #fff; --soft: #5a5a66; --line: #c9c9d3; --button: #4b3fd1 }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececf1; --back: #17171c; --soft: #adadba; --line: #44444f; --button: #6a5ff0 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 1.0625rem/1.5 system-ui, sans-serif }
main { max-width: 32rem; margin: 0 auto; padding: clamp(1.5rem, 8vh, 5rem) 1.25rem }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
.code { margin: 0 0 1rem; padding: .75rem; border: 2px solid var(--line); border-radius: .5rem; text-align: center;
  font: 600 2rem/1.2 ui-monospace, monospace; letter-spacing: .1em }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.soft { color: var(--soft); font-size: .9375rem }
form { margin: 1.5rem 0 }
button { width: 100%; min-height: 3rem; padding: .5rem 1rem; border: 0; border-radius: .5rem; background: var(--button);
  color: #fff; font: inherit; font-weight: 600; cursor: pointer; overflow-wrap: anywhere }
button:focus-visible, a:focus-visible { outline: 3px solid var(--text); outline-offset: 2px }
a { color: inherit }
`;

const styleHash = createHash('sha256').update(style).digest('base64');

export interface Page {
  readonly status: number;
  readonly title: string;
  /** HTML. */
  readonly body: string;
}

export interface Confirmation {
  readonly clientName: string;
  readonly host: string;
  readonly code: string;
  /** Proves that the button of this very page was pressed. */
  readonly proof: string;
  /** The button was pressed, but not provably on this page. */
  readonly again: boolean;
}

export function confirmationPage({ clientName, host, code, proof, again }: Confirmation): Page {
  const name = `<strong><bdi>${escape(clientName)}</bdi></strong>`;
  const note = again
    ? `<p role="alert">That did not reach us from this page. Please check the code and press the button again. It needs
cookies to work.</p>
`
    : '';
  const spelled = code.replace(/\W/g, '').split('').join(' ');
  return {
    status: again ? 403 : 200,
    title: `${clientName} asks to use your account`,
    body: `${note}<p>This is about your account at <strong><bdi>${escape(host)}</bdi></strong>. ${name} should be showing this code
now:</p>
<p class="code"><span aria-hidden="true">${escape(code)}</span><span class="spoken">${escape(spelled)}</span></p>
<p>Go on only if you see the same code in ${name} on your own screen: if somebody sent you this link, it is they who
would get into your account.</p>
<form method="post">
<input type="hidden" name="proof" value="${escape(proof)}">
<button>The code is the same: go on to <bdi>${escape(host)}</bdi></button>
</form>
<p class="soft">If it is not, or you did not ask for this, just close this page.</p>`,
  };
}

export function connectedPage(clientName: string, handle: string): Page {
  return message(200, 'You may close this window', [
    `<strong><bdi>${escape(handle)}</bdi></strong> is now connected with <strong><bdi>${escape(clientName)}</bdi></strong>.`,
    'Go back to it; there is nothing more to do here.',
  ]);
}

/** Never existed, has ended, or has expired: the page does not tell which. */
export function unknownPage(clientName: string): Page {
  return message(404, 'This link is not valid any more', [
    `It has expired or was already used. Begin again in <bdi>${escape(clientName)}</bdi>, which will give you a new one.`,
  ]);
}

export function inUsePage(clientName: string): Page {
  return message(409, 'This link is already in use', [
    `It was opened in another browser, and works only there. Go on there, or begin again in
<bdi>${escape(clientName)}</bdi>.`,
  ]);
}

/** `reason` is text fit for a person. */
export function failedPage(clientName: string, status: number, reason: string): Page {
  return message(status, 'The login did not work', [
    escape(reason),
    `You may close this window and begin again in <bdi>${escape(clientName)}</bdi>.`,
  ]);
}

export function notFoundPage(): Page {
  return message(404, 'Not found', ['There is nothing at this address.']);
}

export function wrongMethodPage(): Page {
  return message(405, 'That does not work here', ['Open the address as a page in a browser.']);
}

function message(status: number, title: string, paragraphs: readonly string[]): Page {
  return { status, title, body: paragraphs.map((text) => `<p>${text}</p>`).join('\n') };
}

/**
 * @param formTargets where a form's answer may lead besides here. Browsers hold redirects to `form-action` too, and
 *   an instance may lead on to another server that signs its people in: so this names schemes, not hosts
 */
export function sendPage(
  res: ServerResponse,
  { status, title, body }: Page,
  formTargets: readonly string[] = [],
): void {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
${body}
</main>
</body>
</html>
`;
  const formAction = formTargets.length === 0 ? "'none'" : ["'self'", ...formTargets].join(' ');
  secure(res, `style-src 'sha256-${styleHash}'; form-action ${formAction}`);
  res.statusCode = status;
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(html));
  res.end(html);
}

/** 303: the browser goes there with GET, whatever it came with, and remembers nothing. */
export function sendAway(res: ServerResponse, url: string): void {
  secure(res, "form-action 'none'");
  res.statusCode = 303;
  res.setHeader('Location', url);
  res.setHeader('Content-Length', 0);
  res.end();
}

function secure(res: ServerResponse, more: string): void {
  const policy = `default-src 'none'; base-uri 'none'; frame-ancestors 'none'; ${more}`;
  res.setHeader('Content-Security-Policy', policy);
  res.setHeader('X-Frame-Options', 'DENY');
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  // Addresses here hold a request's ID, or a code.
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('X-Robots-Tag', 'noindex');
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
