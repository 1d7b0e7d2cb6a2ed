/** The pages of a login at the issuer, as HTML. */

import { escape, messagePage, type Page } from '../pages/page.js';
import type { ClientName } from './client-name.js';

/** Who asks for the login. */
export interface Asker {
  readonly client: ClientName;
  /** What the visitor is sent back to; absent for a device. */
  readonly leadsTo?: string | undefined;
}

export interface LoginForm {
  readonly asker: Asker;
  /** Proves that a button of this very page was pressed. */
  readonly proof: string;
  /** What stands in the field. */
  readonly typed: string;
  /** Why the last try failed; fit to be shown. */
  readonly refusal?: string | undefined;
  readonly status?: number;
  /** The account that this browser is logged in with, if it may go on with that. */
  readonly account?: { readonly handle: string } | undefined;
  /** Why somebody who is logged in is asked again. */
  readonly note?: string | undefined;
  /** Address of the button's script. */
  readonly script: string;
  /** Hosts to suggest. Of those with a port, the page takes no others. */
  readonly servers: readonly string[];
}

export function loginPage(form: LoginForm): Page {
  const { asker, account, refusal, note, script, status = 200 } = form;
  const { name } = asker.client;
  const back =
    asker.leadsTo === undefined
      ? `on a device. Nothing is sent back to this browser`
      : `and be sent back to <strong><bdi>${escape(asker.leadsTo)}</bdi></strong>`;
  return {
    status,
    title: `Log in to ${name}`,
    script,
    body: `<p>You are about to log in to ${introduced(asker.client)} with your Mastodon account ${back}. It learns your public profile: your handle, name and picture.</p>
${note === undefined ? '' : `<p>${escape(note)}</p>\n`}${account ? goOn(form.proof, account.handle) : ''}<mastodon-login memory="off" servers="${escape(form.servers.join(' '))}"><form class="mastodon-login-form" method="post">
<input type="hidden" name="proof" value="${escape(form.proof)}">
<label for="instance">${account ? 'Another account: where does it live?' : 'Where does your account live?'}</label>
<input id="instance" name="instance" value="${escape(form.typed)}" required maxlength="2048" autocapitalize="none"
 autocorrect="off" autocomplete="on" spellcheck="false" enterkeyhint="go" dir="ltr"${account ? '' : ' autofocus'}
 aria-describedby="${refusal === undefined ? '' : 'instance-error '}instance-hint"${refusal === undefined ? '' : ' aria-invalid="true"'}>
${refusal === undefined ? '' : `<p id="instance-error" class="mastodon-login-error" role="alert">${escape(refusal)}</p>\n`}<p id="instance-hint" class="mastodon-login-hint">Your server, or your handle: mastodon.social or @you@mastodon.social</p>
<button name="action" value="login"${account ? ' class="mastodon-login-quiet"' : ''}>${account ? 'Log in with this account' : 'Log in'}</button>
</form></mastodon-login>
<form class="mastodon-login-form" method="post">
<input type="hidden" name="proof" value="${escape(form.proof)}">
<button name="action" value="cancel" class="mastodon-login-quiet"><span>Cancel${asker.leadsTo === undefined ? '' : ` and go back to <bdi>${escape(name)}</bdi>`}</span></button>
</form>`,
  };
}

/** Whoever publishes a document can call themselves anything: that is told as their word, not as ours. */
function introduced({ name, claim }: ClientName): string {
  const claimed = claim === undefined ? '' : `, which calls itself “<bdi>${escape(claim)}</bdi>”,`;
  return `<strong><bdi>${escape(name)}</bdi></strong>${claimed}`;
}

function goOn(proof: string, handle: string): string {
  return `<form class="mastodon-login-form" method="post">
<input type="hidden" name="proof" value="${escape(proof)}">
<button name="action" value="continue"><span>Continue as <bdi>@${escape(handle)}</bdi></span></button>
</form>
`;
}

/** Never existed, has ended, has expired, or belongs to another browser: the page does not tell which. */
export function expiredPage(): Page {
  return messagePage(403, 'This login is not valid any more', [
    'It has expired or was already used, or it was begun in another browser. It needs cookies to work.',
    'Go back to where you wanted to log in, and begin again there.',
  ]);
}

/** For what was no login, perhaps. */
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

/** What a client did wrong; its developer reads it over the visitor's shoulder. */
export function clientErrorPage(status: number, error: string, description: string | undefined): Page {
  const detail = description === undefined ? error : `${error}: ${description}`;
  return messagePage(status, 'This login cannot go on', [
    'The site or program that sent you here asked for something that is not possible. There is nothing that you did wrong.',
    `For who looks after it: <code>${escape(detail)}</code>`,
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
    body: `<form class="mastodon-login-form" method="post" action="${escape(action)}">
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
<p>Go on only if you see the same code on a device in front of you: if somebody sent you this link or this code, it is
they who would get into your account.</p>
<form class="mastodon-login-form" method="post" action="${escape(form.action)}">
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

export function logoutPage(action: string, proof: string, client: ClientName | undefined): Page {
  const from = client ? `<strong><bdi>${escape(client.name)}</bdi></strong>` : 'here';
  return {
    status: 200,
    title: 'Log out?',
    body: `<p>You are being logged out of ${from}. Shall this browser also forget your login here, which serves other sites
as well?</p>
<form class="mastodon-login-form" method="post" action="${escape(action)}">
<input type="hidden" name="xsrf" value="${escape(proof)}">
<button name="logout" value="yes">Log out here, too</button>
<button class="mastodon-login-quiet">Stay logged in here</button>
</form>`,
  };
}

export function loggedOutPage(): Page {
  return messagePage(200, 'You are logged out', ['You may close this window.']);
}
