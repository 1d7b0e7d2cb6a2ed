/**
 * `passport-mastodon-oauth2/core`: the login without a framework. `MastodonLogin` finds an instance, begins a login and
 * finishes it. The caller gives each browser a secret key.
 */

export { ErrorCode, MastodonError } from '../errors.js';
export { browserRequest, crossSiteStart, prefetchRefusal } from '../login/browser.js';
export { MastodonLogin } from '../login/login.js';
export type { MastodonErrorCode, MastodonErrorDetails, MastodonErrorReason } from '../errors.js';
export type { EventMessage } from '../events.js';
export type { BrowserRequest } from '../login/browser.js';
export type { Begun, Browser, Extras, Finished } from '../login/login.js';
export type { MastodonAccount, MastodonProfile } from '../login/profile.js';
export type { Tokens } from '../login/exchange.js';
export type {
  BeginOptions,
  Instance,
  KeyValueStore,
  LoginLog,
  LoginOptions,
  OutboundOptions,
} from '../options.js';
