/** What all views of oidc-provider share: how they are sent, and the page for an error. */

import { rendered, type Page } from '../pages/page.js';
import type { KoaContextWithOIDC } from './oidc-provider.js';
import { clientErrorPage, expiredPage, failedPage, internalError } from './pages.js';

export interface Failure {
  readonly error: string;
  readonly error_description?: string | undefined;
}

export function show(ctx: KoaContextWithOIDC, page: Page): void {
  const { html, headers } = rendered(page);
  ctx.status = page.status;
  ctx.set({ ...headers });
  ctx.body = html;
}

export function renderError(ctx: KoaContextWithOIDC, out: Failure, error: Error): void {
  const { status } = ctx;
  // `LoginRequired`: another request has ended the session.
  if (error.name === 'SessionNotFound' || error.name === 'LoginRequired') return show(ctx, expiredPage());
  if (status >= 500) return show(ctx, failedPage(status, internalError));
  show(ctx, clientErrorPage(status, out.error, out.error_description));
}

/** Headers for oidc-provider's own page, a form that submits itself. */
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

/** oidc-provider has written it to the session, and compares the field of the form. */
export function formTokenOf(ctx: KoaContextWithOIDC): string {
  return String((ctx.oidc.session?.state as { secret?: unknown } | undefined)?.secret ?? '');
}
