/**
 * Exports the strategy, its errors and types, and the errors of passport-oauth2. An application that uses those errors
 * needs no second dependency.
 */

// TypeScript 6 and later load only types that are referenced.
/// <reference types="node" preserve="true" />

import { AuthorizationError, InternalOAuthError, TokenError } from './passport/passport.js';
import { MastodonStrategy } from './passport/strategy.js';

export { MastodonStrategy, MastodonStrategy as Strategy, MastodonStrategy as default };
export { ErrorCode, MastodonError } from './errors.js';
export type { MastodonErrorCode, MastodonErrorDetails, MastodonErrorReason } from './errors.js';
export type { EventMessage, LoginEvent } from './events.js';
export type { Tokens } from './login/exchange.js';
export type { Instance, KeyValueStore, LoginLog, OutboundOptions } from './options.js';
export type {
  LoginTransaction,
  MastodonAuthenticateOptions,
  MastodonStrategyOptions,
  StateStore,
} from './passport/options.js';
export type { MastodonAccount, MastodonProfile } from './login/profile.js';
export type {
  TokenParams,
  VerifyDone,
  VerifyFunction,
  VerifyFunctionWithParams,
  VerifyFunctionWithRequest,
  VerifyFunctionWithRequestAndParams,
} from './passport/verify.js';
export { AuthorizationError, InternalOAuthError, TokenError };
