/** The views of oidc-provider: our pages in place of its own. */

import { rendered, type Page } from '../pages/page.js';
import { clientNameOf, isUnknown, leadsTo } from './clients.js';
import type { KoaContextWithOIDC } from './oidc-provider.js';
import {
  clientErrorPage,
  deviceCodePage,
  deviceConfirmPage,
  deviceDonePage,
  deviceStoppedPage,
  expiredPage,
  failedPage,
  leaveToPage,
  loggedOutPage,
  logoutPage,
} from './pages.js';
import { routes } from './route.js';

function show(ctx: KoaContextWithOIDC, page: Page): void {
  const { html, headers } = rendered(page);
  ctx.status = page.status;
  ctx.set({ ...headers });
  ctx.body = html;
}

interface Failure {
  readonly error: string;
  readonly error_description?: string | undefined;
}

export function renderError(ctx: KoaContextWithOIDC, out: Failure, error: Error): void {
  const { status } = ctx;
  // A session that ended meanwhile says that a login is required; the client is told so where that is possible.
  if (error.name === 'SessionNotFound' || error.name === 'LoginRequired') return show(ctx, expiredPage());
  if (status >= 500) {
    return show(ctx, failedPage(status, 'Something went wrong on our side. Please try again in a moment.'));
  }
  show(ctx, clientErrorPage(status, out.error, out.error_description));
}

/** @param err why a code was refused, or why the login for a device failed */
export function userCodeInputSource(
  ctx: KoaContextWithOIDC,
  _form: string,
  out?: Failure,
  err?: Error & { userCode?: string },
): void {
  const { session } = ctx.oidc;
  if (session && session.exp === undefined && err) {
    // The form of a session that is gone. oidc-provider has begun another one, which it could not save here; a page that is
    // asked for saves it.
    (session as { touched?: boolean }).touched = false;
    if (ctx.method === 'POST') {
      ctx.status = 303;
      return ctx.redirect(ctx.oidc.urlFor('code_verification'));
    }
  }
  if (err?.name === 'AbortedError') return show(ctx, deviceStoppedPage());
  if (err?.name === 'SessionNotFound') return show(ctx, expiredPage());
  const given: unknown = ctx.state.userCode;
  const page = deviceCodePage({
    action: ctx.oidc.urlFor('code_verification'),
    proof: proofOf(ctx),
    code: err?.userCode ?? (typeof given === 'string' ? given : ''),
    refusal: err && refusalOf(err, out),
  });
  show(ctx, { ...page, status: err ? Math.max(400, ctx.status) : 200 });
}

function refusalOf(error: Error, out: Failure | undefined): string {
  switch (error.name) {
    case 'NoCodeError':
      return 'Type the code that your device shows.';
    case 'NotFoundError':
      return 'There is no such code. Compare it with the one on your device.';
    case 'ExpiredError':
      return 'This code has expired. Begin again on your device, which will show you a new one.';
    case 'AlreadyUsedError':
    case 'InvalidGrant':
      return 'This code was already used. Begin again on your device, which will show you a new one.';
    default:
      return out?.error === 'server_error'
        ? 'Something went wrong on our side. Please try again in a moment.'
        : 'That did not work. Begin again on your device.';
  }
}

/** What a device says about itself when it asks. */
export interface DeviceInfo {
  readonly device?: string;
  /** Seconds since the epoch. */
  readonly at: number;
}

const longestDevice = 100;

export function deviceInfo(ctx: KoaContextWithOIDC): DeviceInfo & Record<string, unknown> {
  const device = ctx
    .get('user-agent')
    .replace(/[^\x20-\x7e]/g, '')
    .slice(0, longestDevice)
    .trim();
  return { ...(device !== '' && { device }), at: Math.floor(Date.now() / 1000) };
}

export function userCodeConfirmSource(
  ctx: KoaContextWithOIDC,
  _form: string,
  client: object,
  info: Record<string, unknown>,
  userCode: string,
): void {
  const { device, at } = info as unknown as DeviceInfo;
  const page = deviceConfirmPage({
    action: ctx.oidc.urlFor('code_verification'),
    proof: proofOf(ctx),
    code: userCode,
    client: clientNameOf(client),
    device,
    minutesAgo: Math.max(0, Math.floor((Date.now() / 1000 - at) / 60)),
  });
  show(ctx, page);
}

export function successSource(ctx: KoaContextWithOIDC): void {
  const { client } = ctx.oidc;
  show(ctx, deviceDonePage(client && clientNameOf(client)));
}

export function logoutSource(ctx: KoaContextWithOIDC): void {
  const { client, params } = ctx.oidc;
  const page = logoutPage({
    action: ctx.oidc.urlFor('end_session_confirm'),
    proof: proofOf(ctx),
    client: client && clientNameOf(client),
    leadsTo: leadsTo(params?.post_logout_redirect_uri),
  });
  show(ctx, page);
}

export function postLogoutSuccessSource(ctx: KoaContextWithOIDC): void {
  show(ctx, loggedOutPage());
}

/**
 * Around the end session endpoint. Without a logged-in user, oidc-provider answers with a form that sends itself, for which it
 * would need a session. The visitor is sent on at once; to where a metadata document says, only by a press of their own.
 */
export async function endWithoutSession(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  if (ctx.path !== routes.end_session || ctx.status !== 200 || ctx.oidc.session?.accountId !== undefined)
    return;
  const { client, params } = ctx.oidc;
  const { post_logout_redirect_uri: target, state } = { ...params };
  if (typeof target !== 'string' || !client) return show(ctx, loggedOutPage());
  const url = new URL(target);
  if (typeof state === 'string') url.searchParams.set('state', state);
  if (isUnknown(client)) return show(ctx, leaveToPage(clientNameOf(client), url.href, leadsTo(target) ?? ''));
  ctx.body = '';
  ctx.status = 303;
  ctx.redirect(url.href);
}

/** A code in the URL is put into the field, where oidc-provider would send it off at once. */
export async function keepUserCode(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  const code = ctx.query.user_code;
  if (ctx.method === 'GET' && typeof code === 'string') {
    ctx.state.userCode = code.slice(0, 64);
    if (ctx.path === routes.code_verification) ctx.querystring = '';
  }
  await next();
}

/** Where oidc-provider answers with a page of its own, a form that sends itself, that cannot be framed. */
export async function guardPages(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  // oidc-provider adds the hash of its script to the empty list.
  ctx.set(
    'Content-Security-Policy',
    "default-src 'none'; script-src ; base-uri 'none'; frame-ancestors 'none'",
  );
  ctx.set('X-Frame-Options', 'DENY');
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.set('Referrer-Policy', 'no-referrer');
  await next();
}

/** oidc-provider has put it into the session, and compares it when the form comes back. */
function proofOf(ctx: KoaContextWithOIDC): string {
  return String((ctx.oidc.session?.state as { secret?: unknown } | undefined)?.secret ?? '');
}
