/** The login page of the issuer and its messages, as HTML. */

import { escapeForPage, failurePage, pageForm, messagePage, strong, type Page } from '../pages/page.js';
import { secondStep } from '../pages/press.js';
import type { ClientName } from './client-names.js';

/** The client of a login. */
export interface RequestingClient {
  readonly name: ClientName;
  /** Where the visitor is redirected to; undefined for a device. */
  readonly redirectDestination?: string | undefined;
  /** The operator has not registered it, or it is a device. */
  readonly isUnknown: boolean;
}

export interface LoginForm {
  readonly client: RequestingClient;
  /** Shows that a button of this page was pressed. */
  readonly proof: string;
  /** The value of the field. */
  readonly typed: string;
  /** The value comes from the client, so the field has no focus and Enter does not submit it. */
  readonly isHinted: boolean;
  /** Why the last attempt failed, for the visitor. */
  readonly refusal: string | undefined;
  readonly status: number;
  /** The account of this browser's session, if it may continue with that. */
  readonly account: string | undefined;
  /** Whether the last form had no confirmation of a deliberate press. Then the checkbox is shown in all browsers. */
  readonly isAskedAgain: boolean;
  /** How long the client may stay logged in by refresh tokens, if it asks for that. */
  readonly days: number | undefined;
  /** Why a user with a session has to log in again. */
  readonly note: string | undefined;
  /** URL of the button's script. */
  readonly script: string;
  /** Hosts to suggest. The page accepts no other hosts with a port. */
  readonly servers: readonly string[];
}

export function loginPage({ client, account, refusal, ...page }: LoginForm): Page {
  const { redirectDestination: target } = client;
  const name = `<bdi>${escapeForPage(client.name.name)}</bdi>`;
  const form = (content: string) => pageForm({ proof: page.proof }, content);
  const back =
    target === undefined
      ? 'on a device. Nothing is sent back to this browser'
      : `and be sent back to ${strong(target)}`;
  const keeps =
    page.days === undefined
      ? ''
      : ` It may stay logged in for ${page.days} day${page.days === 1 ? '' : 's'}.`;
  const note = page.note === undefined ? '' : `<p>${escapeForPage(page.note)}</p>\n`;
  const sure = client.isUnknown ? secondStep(`I want to log in to ${name}`, page.isAskedAgain) : '';
  const goOn = account
    ? `${form(`${sure}<button name="action" value="continue"><span>Continue as <bdi>${escapeForPage(account)}</bdi></span></button>`)}\n`
    : '';
  const error =
    refusal &&
    `<p id="instance-error" class="mastodon-login-error" role="alert">${escapeForPage(refusal)}</p>\n`;
  const quiet = ' class="mastodon-login-quiet"';
  const login =
    form(`<label for="instance">${account ? 'Another account: where does it live?' : 'Where does your account live?'}</label>
<input id="instance" name="instance" value="${escapeForPage(page.typed)}" required maxlength="2048" autocapitalize="none"
 autocorrect="off" autocomplete="on" spellcheck="false" enterkeyhint="go" dir="ltr"${account || page.isHinted ? '' : ' autofocus'}
 aria-describedby="${error ? 'instance-error ' : ''}instance-hint"${error ? ' aria-invalid="true"' : ''}>
${error ?? ''}<p id="instance-hint" class="mastodon-login-hint">Your server, or your handle: mastodon.social or @you@mastodon.social</p>
${sure}<button name="action" value="login"${account ? quiet : ''}>${account ? 'Log in with this account' : 'Log in'}</button>`);
  const goBack = target === undefined ? '' : ` and go back to ${name}`;
  const cancel = form(`<button name="action" value="cancel"${quiet}><span>Cancel${goBack}</span></button>`);
  return {
    status: page.status,
    title: `Log in to ${client.name.name}`,
    script: page.script,
    body: `<p>You are about to log in to ${clientTitle(client.name)} with your Mastodon account ${back}. It learns your public profile: your handle, name and picture.${keeps}</p>
${note}${goOn}<mastodon-login memory="off" servers="${escapeForPage(page.servers.join(' '))}">${login}</mastodon-login>
${cancel}`,
  };
}

/** `client_name` of a metadata document is marked as not verified. */
export function clientTitle({ name, claim }: ClientName): string {
  const claimed = claim === undefined ? '' : `, which calls itself “<bdi>${escapeForPage(claim)}</bdi>”,`;
  return `${strong(name)}${claimed}`;
}

/** For a request that does not exist, has ended or expired, or belongs to another browser. */
export const expiredPage = messagePage(403, 'This login is not valid any more', [
  'It has expired or was already used, or it was started in another browser. The login needs cookies.',
  'Go back to where you came from, and begin again there.',
]);

/** For requests after `close()`. */
export const closedPage = messagePage(503, 'This service is being stopped', [
  'Please try again in a moment.',
]);

/** For a form that was sent from another site. */
export const foreignFormPage = messagePage(403, 'That did not come from our page', [
  'Go back, load the page again, and press its button.',
]);

export function failedLoginPage(error: unknown): Page {
  return failurePage(error, 'Go back to where you wanted to log in, and begin again there.');
}

/** For a mistake of a client. */
export function clientErrorPage(status: number, error: string, description: string | undefined): Page {
  const detail = description === undefined ? error : `${error}: ${description}`;
  return messagePage(status, 'This login cannot go on', [
    'The site or program that sent you here asked for something that is not possible. You did nothing wrong.',
    `For its developer: <code>${escapeForPage(detail)}</code>`,
  ]);
}
