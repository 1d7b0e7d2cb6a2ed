/**
 * `passport-mastodon-oauth2/web`: the login for frameworks with `Request` and `Response`, such as Hono, Next.js,
 * SvelteKit, Astro or Remix. Loads neither Passport nor a framework.
 */

export { createLogin } from './web-login.js';
export { failureRedirect } from './failure-redirect.js';
export { ErrorCode, MastodonError } from '../errors.js';
export type { FinishedLogin, WebBeginOptions, WebLogin } from './web-login.js';
export type { WebLoginOptions } from './options.js';
export type { MastodonErrorCode, MastodonErrorDetails, MastodonErrorReason } from '../errors.js';
export type { EventMessage, LoginEvent } from '../events.js';
export type { MastodonAccount, MastodonProfile } from '../login/profile.js';
export type { Tokens } from '../login/exchange.js';
export type { BeginOptions, KeyValueStore, LoginLog, LoginOptions, OutboundOptions } from '../options.js';
