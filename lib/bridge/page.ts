/** The pages that a visitor sees during a login at the bridge. */

import {
  codeToCompare,
  escapeForPage,
  failurePage,
  pageForm,
  messagePage,
  strong,
  type Page,
} from '../pages/page.js';
import { secondStep } from '../pages/press.js';

export interface ConfirmationDetails {
  readonly clientName: string;
  readonly host: string;
  readonly code: string;
  /** The form token: shows that the form was sent from this page. */
  readonly proof: string;
  readonly script: string;
  /** Why the button's last press did not count. */
  readonly problem?: 'not from this page' | 'no second step' | undefined;
}

const problems = {
  'not from this page':
    'That did not reach us from this page. Compare the code and press the button again. It needs cookies to work.',
  'no second step': 'Please tick the box below and press the button again.',
} as const;

export function confirmationPage({
  clientName,
  host,
  code,
  proof,
  problem,
  script,
}: ConfirmationDetails): Page {
  const name = strong(clientName);
  const note = problem === undefined ? '' : `<p role="alert">${problems[problem]}</p>\n`;
  const step = secondStep(
    'I see the same code, and I began this login myself.',
    problem === 'no second step',
  );
  const button = `${step}
<button><span>The code is the same: go on to <bdi>${escapeForPage(host)}</bdi></span></button>`;
  return {
    status: problem === undefined ? 200 : 403,
    title: `${clientName} asks to use your account`,
    script,
    body: `${note}<p>This is about your account at ${strong(host)}. ${name} shows this code now:</p>
${codeToCompare(code)}
<p>Go on only if you see the same code in ${name} on your own screen. If another person sent you this link, that person
would get access to your account.</p>
<mastodon-login>${pageForm({ proof, instance: host }, button)}</mastodon-login>
<p class="soft">If the code is different, or you did not ask for this login, close this page.</p>`,
  };
}

/** The page for a form without the browser's cookie, which a page of another site may have sent. */
export function noCookiePage(): Page {
  return messagePage(403, 'Open this page again', [
    'That did not reach us from this page. It needs cookies to work.',
    '<a href="">Open the page</a>, compare the code and press the button again.',
  ]);
}

export function connectedPage(clientName: string, handle: string): Page {
  return messagePage(200, 'You may close this window', [
    `${strong(handle)} is now connected with ${strong(clientName)}.`,
    'Go back to it. There is nothing more to do here.',
  ]);
}

/** The same for a request that never existed, has ended or has expired. */
export function unknownPage(clientName: string): Page {
  return messagePage(404, 'This link is not valid any more', [
    `It has expired or was already used. Begin again in <bdi>${escapeForPage(clientName)}</bdi>, which will give you a new one.`,
  ]);
}

export function inUsePage(clientName: string): Page {
  return messagePage(409, 'This link is already in use', [
    `It was opened in another browser, and works only there. Go on there, or begin again in
<bdi>${escapeForPage(clientName)}</bdi>.`,
  ]);
}

export function failedRequestPage(clientName: string, error: unknown): Page {
  const advice = `You may close this window and begin again in <bdi>${escapeForPage(clientName)}</bdi>.`;
  return failurePage(error, advice);
}
