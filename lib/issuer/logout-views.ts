/** oidc-provider's views of RP-initiated logout. */

import { escape, formAttributes, messagePage } from '../pages/page.js';
import { clientNameOf, isUnknown, redirectDestination } from './clients.js';
import type { KoaContextWithOIDC } from './oidc-provider.js';
import { routes } from './route.js';
import { formTokenOf, show } from './views.js';

export function logoutSource(ctx: KoaContextWithOIDC): void {
  const { client, params } = ctx.oidc;
  const target = redirectDestination(params?.post_logout_redirect_uri);
  const from = client ? strong(clientNameOf(client).name) : 'here';
  const then = target === undefined ? '' : ` You are then sent to ${strong(target)}.`;
  show(ctx, {
    status: 200,
    title: 'Log out?',
    body: `<p>You are being logged out of ${from}. Do you want to log out here, too? Other sites use this login as well.${then}</p>
<form ${formAttributes} action="${escape(ctx.oidc.urlFor('end_session_confirm'))}">
<input type="hidden" name="xsrf" value="${escape(formTokenOf(ctx))}">
<button name="logout" value="yes">Log out here, too</button>
<button class="mastodon-login-quiet">Stay logged in here</button>
</form>`,
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
  if (isUnknown(client)) {
    const link = `<a href="${escape(url.href)}">go on to <bdi>${escape(redirectDestination(target) ?? '')}</bdi></a>`;
    const text = `You may close this window; or ${link}, where\n${strong(clientNameOf(client).name)} wants to send you.`;
    return show(ctx, messagePage(200, 'You are logged out', [text]));
  }
  ctx.body = '';
  ctx.status = 303;
  ctx.redirect(url.href);
}

function strong(text: string): string {
  return `<strong><bdi>${escape(text)}</bdi></strong>`;
}
