/** How often a device may ask whether its login is done (RFC 8628, section 3.5), which the library leaves open. */

import { digest } from '../util/digest.js';
import { type Store } from '../store.js';
import type { KoaContextWithOIDC } from './library.js';
import type { RecordKeys } from './records.js';
import { routes } from './route.js';

/** Told to the device. Seconds. */
const interval = 5;

/** What a network may take off the time between two questions. Milliseconds. */
const toleranceMs = 500;

type Answer = { error?: unknown; device_code?: unknown; [name: string]: unknown };

/** Runs around the library's own handling. */
export function devicePace(store: Store, keys: RecordKeys) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    const answer = ctx.body as Answer | undefined;
    if (ctx.path === routes.device_authorization && typeof answer?.device_code === 'string') {
      answer.interval = interval;
    }
    if (ctx.path !== routes.token || answer?.error !== 'authorization_pending') return;
    const code = ctx.oidc.body?.device_code;
    if (typeof code !== 'string') return;
    const key = keys.of('asked', digest(code));
    const last = (await store.cached(key)) as { at: number } | undefined;
    await store.cache(key, { at: Date.now() }, 2 * interval * 1000);
    if (last === undefined || Date.now() - last.at >= interval * 1000 - toleranceMs) return;
    ctx.body = { error: 'slow_down', error_description: `ask every ${interval} seconds at most` };
  };
}
