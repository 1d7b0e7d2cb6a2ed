/** oidc-provider's pages: errors, RP-initiated logout, and the device grant. */

import {
  codeToCompare,
  escapeForPage,
  pageForm,
  internalError,
  messagePage,
  rendered,
  strong,
  type Page,
} from '../pages/page.js';
import { clientNameOf, hasMetadataDocument } from './client-names.js';
import { routes, type KoaContextWithOIDC } from './oidc-provider.js';
import { clientErrorPage, clientTitle, expiredPage, failedLoginPage, foreignFormPage } from './pages.js';
import { redirectDestination } from './redirect-uris.js';

interface OAuthFailure {
  readonly error: string;
  readonly error_description?: string | undefined;
}

function show(ctx: KoaContextWithOIDC, page: Page): void {
  const { html, headers } = rendered(page);
  ctx.status = page.status;
  ctx.set({ ...headers });
  ctx.body = html;
}

export function renderError(ctx: KoaContextWithOIDC, out: OAuthFailure, error: Error): void {
  const { status } = ctx;
  // `LoginRequired`: another request has ended the session.
  if (error.name === 'SessionNotFound' || error.name === 'LoginRequired') return show(ctx, expiredPage);
  if (status >= 500) return show(ctx, failedLoginPage(error));
  // Another tab has opened a page of ours since.
  if (ctx.path === `${routes.end_session}/confirm`) return show(ctx, foreignFormPage);
  show(ctx, clientErrorPage(status, out.error, out.error_description));
}

/** Headers for oidc-provider's own page, a form that submits itself. */
export async function guardPages(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  ctx.set({
    // oidc-provider adds the hash of its script to the empty list.
    'Content-Security-Policy': "default-src 'none'; script-src ; base-uri 'none'; frame-ancestors 'none'",
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  });
  await next();
}

/** A form for an endpoint of oidc-provider, which has written the token to the session and compares it. */
function formFor(
  ctx: KoaContextWithOIDC,
  endpoint: string,
  content: string,
  hidden: Readonly<Record<string, string>> = {},
): string {
  const { secret } = (ctx.oidc.session?.state ?? {}) as { readonly secret?: unknown };
  return pageForm({ xsrf: String(secret), ...hidden }, content, ctx.oidc.urlFor(endpoint));
}

export function logoutSource(ctx: KoaContextWithOIDC): void {
  const { client, params } = ctx.oidc;
  const target = redirectDestination(params?.post_logout_redirect_uri);
  const from = client ? strong(clientNameOf(client).name) : 'here';
  const buttons = `<button name="logout" value="yes">Log out here, too</button>
<button class="mastodon-login-quiet">Stay logged in here</button>`;
  const then = target === undefined ? '' : ` You are then sent to ${strong(target)}.`;
  show(ctx, {
    status: 200,
    title: 'Log out?',
    body: `<p>You are being logged out of ${from}. Do you want to log out here, too? Other sites use this login as well.${then}</p>
${formFor(ctx, 'end_session_confirm', buttons)}`,
  });
}

export function postLogoutSuccessSource(ctx: KoaContextWithOIDC): void {
  show(ctx, messagePage(200, 'You are logged out', ['You may close this window.']));
}

/**
 * The end session endpoint without a session, for which oidc-provider has a form that submits itself. The visitor is
 * redirected at once. For a client without registration the page has a link instead, so that the issuer is no open redirector.
 */
export async function endWithoutSession(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  if (ctx.path !== routes.end_session || ctx.status !== 200 || ctx.oidc.session?.accountId !== undefined)
    return;
  const { client, params } = ctx.oidc;
  const { post_logout_redirect_uri: target, state } = { ...params };
  if (typeof target !== 'string' || !client) return postLogoutSuccessSource(ctx);
  const url = new URL(target);
  if (typeof state === 'string') url.searchParams.set('state', state);
  if (hasMetadataDocument(client)) {
    const link = `<a href="${escapeForPage(url.href)}">go on to <bdi>${escapeForPage(redirectDestination(target) ?? '')}</bdi></a>`;
    const text = `You may close this window; or ${link}, where\n${strong(clientNameOf(client).name)} wants to send you.`;
    return show(ctx, messagePage(200, 'You are logged out', [text]));
  }
  ctx.body = '';
  ctx.status = 303;
  ctx.redirect(url.href);
}

/** Fills a code of the URL into the field. oidc-provider would submit it at once. */
export async function keepUserCode(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  if (ctx.method === 'GET' && ctx.path === routes.code_verification) {
    const [code] = [ctx.query.user_code].flat();
    ctx.state.userCode = code?.slice(0, 64);
    ctx.querystring = '';
  }
  await next();
}

/**
 * The form for the code.
 * @param err why a code was refused, or why the login for a device failed
 */
export function userCodeInputSource(
  ctx: KoaContextWithOIDC,
  _form: string,
  out?: OAuthFailure,
  err?: Error & { userCode?: string },
): void {
  const { session } = ctx.oidc;
  if (session && session.exp === undefined && err) {
    // The session of the form is gone. oidc-provider has started another one, which a new page saves.
    (session as { touched?: boolean }).touched = false;
    if (ctx.method === 'POST') {
      ctx.status = 303;
      return ctx.redirect(ctx.oidc.urlFor('code_verification'));
    }
  }
  if (err?.name === 'SessionNotFound') return show(ctx, expiredPage);
  if (err?.name === 'AbortedError') {
    const begin = 'You may close this window. To log in after all, begin again on the device.';
    return show(ctx, messagePage(200, 'The device was not logged in', [begin]));
  }
  const given: unknown = ctx.state.userCode ?? ctx.oidc.params?.user_code;
  const code = err?.userCode ?? (typeof given === 'string' ? given.slice(0, 64) : '');
  const other =
    out?.error === 'server_error' ? internalError : 'That did not work. Begin again on your device.';
  const refusal =
    err &&
    `<p id="refusal" class="mastodon-login-error" role="alert">${codeRefusals[err.name] ?? other}</p>\n`;
  const field = `<label for="user_code">Which code does your device show?</label>
<input id="user_code" name="user_code" value="${escapeForPage(code)}" required maxlength="64" autocapitalize="characters"
 autocorrect="off" autocomplete="off" spellcheck="false" enterkeyhint="go" dir="ltr" autofocus
 ${refusal ? 'aria-describedby="refusal" aria-invalid="true"' : ''}>
${refusal ?? ''}<button>Go on</button>`;
  show(ctx, {
    status: err ? Math.max(400, ctx.status) : 200,
    title: 'Log in on a device',
    body: `${formFor(ctx, 'code_verification', field)}
<p class="soft">Type a code only if you began to log in on a device yourself, just now.</p>`,
  });
}

/** Why a code was refused, by the names of oidc-provider's errors. */
const codeRefusals: Readonly<Record<string, string>> = {
  NoCodeError: 'Type the code that your device shows.',
  NotFoundError: 'There is no such code. Compare it with the one on your device.',
  ExpiredError: 'This code has expired. Begin again on your device, which will show you a new one.',
  AlreadyUsedError: 'This code was already used. Begin again on your device, which will show you a new one.',
  InvalidGrant: 'This code was already used. Begin again on your device, which will show you a new one.',
  // Another tab has opened a page of ours since.
  InvalidRequest: 'That did not reach us from this page. Please press the button again.',
  SlowDown: 'Too many wrong codes came from your network. Try again in a minute.',
};

/** What a device says about itself, which is not verified; `at` in seconds since the epoch. */
export function deviceInfo(ctx: KoaContextWithOIDC) {
  const text = ctx.get('user-agent').replace(/[^\x20-\x7e]/g, '');
  return { device: text.slice(0, 100).trim(), at: Math.floor(Date.now() / 1000) };
}

/** The page on which the user compares the codes. */
export function userCodeConfirmSource(
  ctx: KoaContextWithOIDC,
  _form: string,
  client: object,
  info: Record<string, unknown>,
  userCode: string,
): void {
  const { device, at } = info as ReturnType<typeof deviceInfo>;
  const name = clientNameOf(client);
  const minutes = Math.floor((Date.now() / 1000 - at) / 60);
  const when = minutes < 1 ? 'less than a minute ago' : `${minutes} minute${minutes === 1 ? '' : 's'} ago`;
  const buttons = `<button>The code is the same: go on</button>
<button name="abort" value="yes" class="mastodon-login-quiet">I did not ask for this</button>`;
  const itself =
    device === '' ? 'does not say what it is' : `calls itself <bdi>${escapeForPage(device)}</bdi>`;
  show(ctx, {
    status: 200,
    title: `Log in to ${name.name} on a device`,
    body: `<p>A device asked to be logged in to ${clientTitle(name)} ${when}. It ${itself}, and should be showing this code now:</p>
${codeToCompare(userCode)}
<p>Go on only if you see the same code on a device in front of you: if another person sent you this link or this code,
they would get into your account.</p>
${formFor(ctx, 'code_verification', buttons, { user_code: userCode, confirm: 'yes' })}`,
  });
}

export function successSource(ctx: KoaContextWithOIDC): void {
  const { client } = ctx.oidc;
  const to = client ? ` to ${clientTitle(clientNameOf(client)).replace(/,$/, '')}` : '';
  const done = `Your device is now logged in${to}. There is nothing more to do here.`;
  show(ctx, messagePage(200, 'You may close this window', [done]));
}
