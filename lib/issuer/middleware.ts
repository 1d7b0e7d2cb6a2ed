/** Middleware around oidc-provider for devices, client secrets, refresh tokens, logouts and session cookies. */

import { boundedMap } from '../util/memory.js';
import { routes, type KoaContextWithOIDC } from './oidc-provider.js';
import type { Sessions } from './sessions.js';
import type { Shared } from './shared.js';

export type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** The shortest time between two requests of a device for its tokens (RFC 8628, section 3.5). Seconds. */
const interval = 5;

/** Two requests may arrive closer than they were sent. Milliseconds. */
const pauseMs = interval * 1000 - 500;

type TokenResponse = { error?: unknown; device_code?: unknown; [name: string]: unknown };

/** Adds `interval` for devices, and answers `slow_down` to a device that asks this process more often. */
export function paceDevices(): Middleware {
  const asked = boundedMap<true>(10_000, pauseMs);
  return async (ctx, next) => {
    await next();
    const body = ctx.body as TokenResponse | undefined;
    if (ctx.path === routes.device_authorization && typeof body?.device_code === 'string') {
      body.interval = interval;
    }
    if (ctx.path !== routes.token || body?.error !== 'authorization_pending') return;
    const code = String(ctx.oidc.body?.device_code);
    if (!asked.has(code)) return void asked.set(code, true);
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
    const isAsked =
      String(scope).split(' ').includes('offline_access') && !/none|consent/.test(String(prompt));
    if (ctx.path === routes.authorization && isAsked && settings.clientSettings(String(id)).mayRefresh) {
      ctx.query = { ...ctx.query, prompt: `${String(prompt)} consent`.trim() };
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
