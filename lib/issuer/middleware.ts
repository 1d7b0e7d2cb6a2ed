/** Middleware around oidc-provider for devices, client secrets, refresh tokens, logouts and session cookies. */

import { digest } from '../util/crypto.js';
import { routes, type KoaContextWithOIDC } from './oidc-provider.js';
import type { Sessions } from './sessions.js';
import type { Shared } from './shared.js';

export type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** The shortest time between two requests of a device for its tokens (RFC 8628, section 3.5). Seconds. */
const interval = 5;

/** Two requests may arrive this much closer than they were sent. Milliseconds. */
const toleranceMs = 500;

type TokenResponse = { error?: unknown; device_code?: unknown; [name: string]: unknown };

/** Adds `interval` for devices, and answers `slow_down` to a device that asks more often. */
export function paceDevices({ store }: Shared): Middleware {
  return async (ctx, next) => {
    await next();
    const body = ctx.body as TokenResponse | undefined;
    if (ctx.path === routes.device_authorization && typeof body?.device_code === 'string') {
      body.interval = interval;
    }
    if (ctx.path !== routes.token || body?.error !== 'authorization_pending') return;
    const code = ctx.oidc.body?.device_code;
    if (typeof code !== 'string') return;
    const name = ['asked', digest(code)] as const;
    const last = await store.cached<{ at: number }>(name);
    await store.set(name, { at: Date.now() }, 2 * interval * 1000).catch(() => undefined);
    const sinceMs = Date.now() - (last?.at ?? 0);
    // Another process wrote a time in the future if its clock is ahead.
    if (sinceMs < 0 || sinceMs >= interval * 1000 - toleranceMs) return;
    ctx.body = { error: 'slow_down', error_description: `ask every ${interval} seconds at most` };
  };
}

/**
 * OpenID Connect Core, section 11: refresh tokens need the person's consent. A request for them without `prompt=consent`, as
 * many programs send it, shows the login page.
 */
export function askForConsent({ settings }: Shared): Middleware {
  return async (ctx, next) => {
    const { client_id: id, scope, prompt = '' } = ctx.query;
    const isOffline = typeof scope === 'string' && scope.split(' ').includes('offline_access');
    if (
      ctx.path === routes.authorization &&
      isOffline &&
      typeof prompt === 'string' &&
      !/\b(?:none|consent)\b/.test(prompt) &&
      settings.clientSettings(String(id)).mayRefresh
    ) {
      ctx.query = { ...ctx.query, prompt: `${prompt} consent`.trim() };
    }
    await next();
  };
}

/**
 * A logout ends the tokens of the person at the clients that it names, refresh tokens of earlier sessions included: at all
 * clients of the session, at the one that the visitor leaves, or, without a session, at the one of the ID token.
 */
export function endTokensAtLogout({ store }: Shared): Middleware {
  return async (ctx, next) => {
    await next();
    const { session, client, params, entities } = ctx.oidc ?? {};
    const isConfirmed = ctx.path === `${routes.end_session}/confirm` && ctx.status === 303;
    const isWithoutSession =
      ctx.path === routes.end_session && ctx.status < 400 && session?.accountId === undefined;
    if (!isConfirmed && !isWithoutSession) return;
    const hinted = entities?.IdTokenHint?.payload as { readonly sub?: string } | undefined;
    const person = session?.accountId ?? hinted?.sub;
    const all = isConfirmed && params?.logout ? Object.keys(session?.authorizations ?? {}) : [];
    const clients = new Set([...all, ...(client ? [client.clientId] : [])]);
    if (person === undefined) return;
    await Promise.all([...clients].map((id) => store.end(['ClientEnded', person, id])));
  };
}

/** A response sets the session's cookie only if the session was stored and the browser does not have the cookie. */
export function keepSessionCookies({ cookies }: Shared, sessions: Sessions): Middleware {
  return async (ctx, next) => {
    await next();
    cookies.dropSessionCookie(ctx.req, ctx.res, sessions.isUnsaved(ctx));
  };
}
