/** The login page of the issuer and its messages, as HTML. */

import { escapeForPage, failurePage, formAttributes, messagePage, strong, type Page } from '../pages/page.js';
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

export function loginPage(form: LoginForm): Page {
  const { client, account, refusal, note, script, status } = form;
  const { name } = client.name;
  const back =
    client.redirectDestination === undefined
      ? `on a device. Nothing is sent back to this browser`
      : `and be sent back to ${strong(client.redirectDestination)}`;
  const keeps =
    form.days === undefined
      ? ''
      : ` It may stay logged in for ${form.days} day${form.days === 1 ? '' : 's'}.`;
  const autofocus = account || form.isHinted ? '' : ' autofocus';
  const sure = client.isUnknown
    ? secondStep(`I want to log in to <bdi>${escapeForPage(name)}</bdi>`, form.isAskedAgain)
    : '';
  return {
    status,
    title: `Log in to ${name}`,
    script,
    body: `<p>You are about to log in to ${clientTitle(client.name)} with your Mastodon account ${back}. It learns your public profile: your handle, name and picture.${keeps}</p>
${note === undefined ? '' : `<p>${escapeForPage(note)}</p>\n`}${account ? continueForm(form.proof, account, sure) : ''}<mastodon-login memory="off" servers="${escapeForPage(form.servers.join(' '))}"><form ${formAttributes}>
<input type="hidden" name="proof" value="${escapeForPage(form.proof)}">
<label for="instance">${account ? 'Another account: where does it live?' : 'Where does your account live?'}</label>
<input id="instance" name="instance" value="${escapeForPage(form.typed)}" required maxlength="2048" autocapitalize="none"
 autocorrect="off" autocomplete="on" spellcheck="false" enterkeyhint="go" dir="ltr"${autofocus}
 aria-describedby="${refusal === undefined ? '' : 'instance-error '}instance-hint"${refusal === undefined ? '' : ' aria-invalid="true"'}>
${refusal === undefined ? '' : `<p id="instance-error" class="mastodon-login-error" role="alert">${escapeForPage(refusal)}</p>\n`}<p id="instance-hint" class="mastodon-login-hint">Your server, or your handle: mastodon.social or @you@mastodon.social</p>
${sure}<button name="action" value="login"${account ? ' class="mastodon-login-quiet"' : ''}>${account ? 'Log in with this account' : 'Log in'}</button>
</form></mastodon-login>
<form ${formAttributes}>
<input type="hidden" name="proof" value="${escapeForPage(form.proof)}">
<button name="action" value="cancel" class="mastodon-login-quiet"><span>Cancel${client.redirectDestination === undefined ? '' : ` and go back to <bdi>${escapeForPage(name)}</bdi>`}</span></button>
</form>`,
  };
}

/** `client_name` of a metadata document is marked as not verified. */
export function clientTitle({ name, claim }: ClientName): string {
  const claimed = claim === undefined ? '' : `, which calls itself “<bdi>${escapeForPage(claim)}</bdi>”,`;
  return `${strong(name)}${claimed}`;
}

function continueForm(proof: string, account: string, sure: string): string {
  return `<form ${formAttributes}>
<input type="hidden" name="proof" value="${escapeForPage(proof)}">
${sure}<button name="action" value="continue"><span>Continue as <bdi>${escapeForPage(account)}</bdi></span></button>
</form>
`;
}

/** For a login that does not exist, has ended or expired, or belongs to another browser. */
export function expiredPage(): Page {
  return messagePage(403, 'This login is not valid any more', [
    'It has expired or was already used, or it was started in another browser. The login needs cookies.',
    'Go back to where you wanted to log in, and begin again there.',
  ]);
}

/** For a posted request that has expired: a login or a logout. */
export function goneRequestPage(): Page {
  return messagePage(403, 'This request is not valid any more', [
    'Go back to where you came from, and begin again there.',
  ]);
}

export function failedLoginPage(error: unknown): Page {
  return failurePage(error, 'Go back to where you wanted to log in, and begin again there.');
}

/** For requests after `close()`. */
export function closedPage(): Page {
  return messagePage(503, 'This service is being stopped', ['Please try again in a moment.']);
}

/** For a form that was sent from another site. */
export function foreignFormPage(): Page {
  return messagePage(403, 'That did not come from our page', [
    'Go back, load the page again, and press its button.',
  ]);
}

/** For a mistake of a client. */
export function clientErrorPage(status: number, error: string, description: string | undefined): Page {
  const detail = description === undefined ? error : `${error}: ${description}`;
  return messagePage(status, 'This login cannot go on', [
    'The site or program that sent you here asked for something that is not possible. You did nothing wrong.',
    `For its developer: <code>${escapeForPage(detail)}</code>`,
  ]);
}
