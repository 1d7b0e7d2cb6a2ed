/** What a person is shown on the way of a request. */

import { escape, messagePage, type Page } from '../pages/page.js';

export { notFoundPage, sendAway, sendPage, wrongMethodPage, type Page } from '../pages/page.js';

export interface Confirmation {
  readonly clientName: string;
  readonly host: string;
  readonly code: string;
  /** Proves that the button of this very page was pressed. */
  readonly proof: string;
  /** The button was pressed, but not provably on this page. */
  readonly again: boolean;
  /** Address of the button's script. */
  readonly script: string;
}

export function confirmationPage({ clientName, host, code, proof, again, script }: Confirmation): Page {
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
    script,
    body: `${note}<p>This is about your account at <strong><bdi>${escape(host)}</bdi></strong>. ${name} should be showing this code
now:</p>
<p class="code"><span aria-hidden="true">${escape(code)}</span><span class="spoken">${escape(spelled)}</span></p>
<p>Go on only if you see the same code in ${name} on your own screen: if somebody sent you this link, it is they who
would get into your account.</p>
<mastodon-login><form class="mastodon-login-form" method="post">
<input type="hidden" name="proof" value="${escape(proof)}">
<input type="hidden" name="instance" value="${escape(host)}">
<button><span>The code is the same: go on to <bdi>${escape(host)}</bdi></span></button>
</form></mastodon-login>
<p class="soft">If it is not, or you did not ask for this, just close this page.</p>`,
  };
}

export function connectedPage(clientName: string, handle: string): Page {
  return messagePage(200, 'You may close this window', [
    `<strong><bdi>${escape(handle)}</bdi></strong> is now connected with <strong><bdi>${escape(clientName)}</bdi></strong>.`,
    'Go back to it; there is nothing more to do here.',
  ]);
}

/** Never existed, has ended, or has expired: the page does not tell which. */
export function unknownPage(clientName: string): Page {
  return messagePage(404, 'This link is not valid any more', [
    `It has expired or was already used. Begin again in <bdi>${escape(clientName)}</bdi>, which will give you a new one.`,
  ]);
}

export function inUsePage(clientName: string): Page {
  return messagePage(409, 'This link is already in use', [
    `It was opened in another browser, and works only there. Go on there, or begin again in
<bdi>${escape(clientName)}</bdi>.`,
  ]);
}

/** `reason` is text fit for a person. */
export function failedPage(clientName: string, status: number, reason: string): Page {
  return messagePage(status, 'The login did not work', [
    escape(reason),
    `You may close this window and begin again in <bdi>${escape(clientName)}</bdi>.`,
  ]);
}
