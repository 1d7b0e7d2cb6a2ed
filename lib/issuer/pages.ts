/** The pages of a login at the issuer, as HTML. */

import { escape, formAttributes, messagePage, type Page } from '../pages/page.js';
import { secondStep } from '../pages/press.js';
import type { ClientName } from './clients.js';

/** The client that asks for a login. */
export interface RequestingClient {
  readonly name: ClientName;
  /** Where the visitor is sent back to; absent for a device. */
  readonly leadsTo?: string | undefined;
  /** The operator does not know it, or it is a device of any owner. */
  readonly isUnknown: boolean;
}

export interface LoginForm {
  readonly client: RequestingClient;
  /** Proves that a button of this very page was pressed. */
  readonly proof: string;
  /** The value of the field. */
  readonly typed: string;
  /** The value comes from the client: the field must not be what Enter sends at once. */
  readonly isHinted: boolean;
  /** Why the last try failed; fit to be shown. */
  readonly refusal?: string | undefined;
  readonly status?: number;
  /** The account that this browser is logged in with, if it may go on with that. */
  readonly account?: { readonly name: string } | undefined;
  /** The press came without a sign that it was meant: the box for that is shown to all browsers. */
  readonly isAskedAgain?: boolean;
  /** Why a user who is logged in is asked again. */
  readonly note?: string | undefined;
  /** URL of the button's script. */
  readonly script: string;
  /** Hosts to suggest. Of those with a port, the page takes no others. */
  readonly servers: readonly string[];
}

export function loginPage(form: LoginForm): Page {
  const { client, account, refusal, note, script, status = 200 } = form;
  const { name } = client.name;
  const back =
    client.leadsTo === undefined
      ? `on a device. Nothing is sent back to this browser`
      : `and be sent back to <strong><bdi>${escape(client.leadsTo)}</bdi></strong>`;
  const autofocus = account || form.isHinted ? '' : ' autofocus';
  const sure = client.isUnknown
    ? secondStep(`I want to log in to <bdi>${escape(name)}</bdi>`, form.isAskedAgain)
    : '';
  return {
    status,
    title: `Log in to ${name}`,
    script,
    body: `<p>You are about to log in to ${introduced(client.name)} with your Mastodon account ${back}. It learns your public profile: your handle, name and picture.</p>
${note === undefined ? '' : `<p>${escape(note)}</p>\n`}${account ? goOn(form.proof, account.name, sure) : ''}<mastodon-login memory="off" servers="${escape(form.servers.join(' '))}"><form ${formAttributes}>
<input type="hidden" name="proof" value="${escape(form.proof)}">
<label for="instance">${account ? 'Another account: where does it live?' : 'Where does your account live?'}</label>
<input id="instance" name="instance" value="${escape(form.typed)}" required maxlength="2048" autocapitalize="none"
 autocorrect="off" autocomplete="on" spellcheck="false" enterkeyhint="go" dir="ltr"${autofocus}
 aria-describedby="${refusal === undefined ? '' : 'instance-error '}instance-hint"${refusal === undefined ? '' : ' aria-invalid="true"'}>
${refusal === undefined ? '' : `<p id="instance-error" class="mastodon-login-error" role="alert">${escape(refusal)}</p>\n`}<p id="instance-hint" class="mastodon-login-hint">Your server, or your handle: mastodon.social or @you@mastodon.social</p>
${sure}<button name="action" value="login"${account ? ' class="mastodon-login-quiet"' : ''}>${account ? 'Log in with this account' : 'Log in'}</button>
</form></mastodon-login>
<form ${formAttributes}>
<input type="hidden" name="proof" value="${escape(form.proof)}">
<button name="action" value="cancel" class="mastodon-login-quiet"><span>Cancel${client.leadsTo === undefined ? '' : ` and go back to <bdi>${escape(name)}</bdi>`}</span></button>
</form>`,
  };
}

/** The name that a metadata document gives to its client is shown as the client's own word. */
function introduced({ name, claim }: ClientName): string {
  const claimed = claim === undefined ? '' : `, which calls itself “<bdi>${escape(claim)}</bdi>”,`;
  return `<strong><bdi>${escape(name)}</bdi></strong>${claimed}`;
}

function goOn(proof: string, account: string, sure: string): string {
  return `<form ${formAttributes}>
<input type="hidden" name="proof" value="${escape(proof)}">
${sure}<button name="action" value="continue"><span>Continue as <bdi>${escape(account)}</bdi></span></button>
</form>
`;
}

/** For a login that never existed, has ended or expired, or belongs to another browser: the page does not tell which. */
export function expiredPage(): Page {
  return messagePage(403, 'This login is not valid any more', [
    'It has expired or was already used, or it was begun in another browser. It needs cookies to work.',
    'Go back to where you wanted to log in, and begin again there.',
  ]);
}

/** For a posted request that has expired: a login or a logout. */
export function goneRequestPage(): Page {
  return messagePage(403, 'This request is not valid any more', [
    'Go back to where you came from, and begin again there.',
  ]);
}

export function failedPage(status: number, reason: string): Page {
  return messagePage(status, 'The login did not work', [
    escape(reason),
    'Go back to where you wanted to log in, and begin again there.',
  ]);
}

/** For a form of another site, and for one that a browser sends without saying that it comes from here. */
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
    `For its developer: <code>${escape(detail)}</code>`,
  ]);
}

export interface CodeForm {
  readonly action: string;
  readonly proof: string;
  readonly code: string;
  readonly refusal?: string | undefined;
}

export function deviceCodePage({ action, proof, code, refusal }: CodeForm): Page {
  return {
    status: 200,
    title: 'Log in on a device',
    body: `<form ${formAttributes} action="${escape(action)}">
<input type="hidden" name="xsrf" value="${escape(proof)}">
<label for="user_code">Which code does your device show?</label>
<input id="user_code" name="user_code" value="${escape(code)}" required maxlength="64" autocapitalize="characters"
 autocorrect="off" autocomplete="off" spellcheck="false" enterkeyhint="go" dir="ltr" autofocus
 ${refusal === undefined ? '' : 'aria-describedby="refusal" aria-invalid="true"'}>
${refusal === undefined ? '' : `<p id="refusal" class="mastodon-login-error" role="alert">${escape(refusal)}</p>\n`}<button>Go on</button>
</form>
<p class="soft">Type a code only if you began to log in on a device yourself, just now.</p>`,
  };
}

export interface DeviceConfirmation {
  readonly action: string;
  readonly proof: string;
  readonly code: string;
  readonly client: ClientName;
  /** What the device said of itself. */
  readonly device: string | undefined;
  readonly minutesAgo: number;
}

export function deviceConfirmPage(form: DeviceConfirmation): Page {
  const when =
    form.minutesAgo < 1
      ? 'less than a minute ago'
      : `${form.minutesAgo} minute${form.minutesAgo === 1 ? '' : 's'} ago`;
  const device =
    form.device === undefined ? 'says nothing of itself' : `calls itself <bdi>${escape(form.device)}</bdi>`;
  const spelled = form.code.replace(/\W/g, '').split('').join(' ');
  return {
    status: 200,
    title: `Log in to ${form.client.name} on a device`,
    body: `<p>A device asked to be logged in to ${introduced(form.client)} ${when}. It ${device}, and should be showing this code now:</p>
<p class="code"><span aria-hidden="true">${escape(form.code)}</span><span class="spoken">${escape(spelled)}</span></p>
<p>Go on only if you see the same code on a device in front of you: if another person sent you this link or this code,
they would get into your account.</p>
<form ${formAttributes} action="${escape(form.action)}">
<input type="hidden" name="xsrf" value="${escape(form.proof)}">
<input type="hidden" name="user_code" value="${escape(form.code)}">
<input type="hidden" name="confirm" value="yes">
<button>The code is the same: go on</button>
<button name="abort" value="yes" class="mastodon-login-quiet">I did not ask for this</button>
</form>`,
  };
}

export function deviceDonePage(client: ClientName | undefined): Page {
  return messagePage(200, 'You may close this window', [
    `Your device is now logged in${client ? ` to ${introduced(client).replace(/,$/, '')}` : ''}. There is nothing more to do here.`,
  ]);
}

export function deviceStoppedPage(): Page {
  return messagePage(200, 'The device was not logged in', [
    'You may close this window. To log in after all, begin again on the device.',
  ]);
}

export interface LogoutForm {
  readonly action: string;
  readonly proof: string;
  readonly client: ClientName | undefined;
  /** Where the visitor is sent afterwards. */
  readonly leadsTo: string | undefined;
}

export function logoutPage({ action, proof, client, leadsTo }: LogoutForm): Page {
  const from = client ? `<strong><bdi>${escape(client.name)}</bdi></strong>` : 'here';
  const then =
    leadsTo === undefined ? '' : ` You are then sent to <strong><bdi>${escape(leadsTo)}</bdi></strong>.`;
  return {
    status: 200,
    title: 'Log out?',
    body: `<p>You are being logged out of ${from}. Shall this browser also forget your login here, which serves other sites
as well?${then}</p>
<form ${formAttributes} action="${escape(action)}">
<input type="hidden" name="xsrf" value="${escape(proof)}">
<button name="logout" value="yes">Log out here, too</button>
<button class="mastodon-login-quiet">Stay logged in here</button>
</form>`,
  };
}

export function loggedOutPage(): Page {
  return messagePage(200, 'You are logged out', ['You may close this window.']);
}

/** No user is logged in here, and the client asks for the visitor to be sent on. */
export function leaveToPage(client: ClientName, url: string, leadsTo: string): Page {
  return messagePage(200, 'You are logged out', [
    `You may close this window; or <a href="${escape(url)}">go on to <bdi>${escape(leadsTo)}</bdi></a>, where
<strong><bdi>${escape(client.name)}</bdi></strong> wants to send you.`,
  ]);
}
