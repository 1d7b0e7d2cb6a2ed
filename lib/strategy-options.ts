/** What the Passport door asks beside the engine's options. */

import type { IncomingMessage } from 'node:http';
import { checkedText, type BeginOptions, type LoginOptions, type LoginTransaction } from './options.js';

/**
 * Keeps begun logins, bound to the browser that began them. The default keeps a random key in `req.session`
 * and the login itself in `store`. Another one must hold to four rules: only the browser that saved a login
 * can take it, it can be taken once, it is gone after `expiresAt`, and a failed write rejects.
 */
export interface StateStore {
  /** `state` is 43 characters of `[A-Za-z0-9_-]` and cannot be guessed. */
  save(req: IncomingMessage, state: string, login: LoginTransaction): Promise<void>;
  /** Removes and returns the login, or `undefined` if this browser has no such login (any more). */
  take(req: IncomingMessage, state: string): Promise<LoginTransaction | undefined>;
  /** Whether this browser began a login at the instance and has not finished it. Optional: only a hint. */
  hasUnfinished?(req: IncomingMessage, instanceHost: string): Promise<boolean>;
  /** The login at this instance was finished. Optional, the counterpart of `hasUnfinished`. */
  finished?(req: IncomingMessage, instanceHost: string): Promise<void>;
}

export interface MastodonStrategyOptions extends LoginOptions {
  /** Body or query field that holds what the visitor typed. Default `instance`. */
  instanceField?: string | undefined;
  /** Default: the browser's key in `req.session`, the login in `store`. */
  stateStore?: StateStore | undefined;
  /** Gives the request to the verify function as its first argument. Default false. */
  passReqToCallback?: boolean | undefined;
  /** Revoke the token once verify is done. Best effort. Default false. */
  revokeToken?: boolean | undefined;
}

/** Options of `passport.authenticate('mastodon', …)`. */
export interface MastodonAuthenticateOptions extends BeginOptions {
  /** Where the account lives; overrides the request's field. */
  instance?: string | undefined;
}

export interface StrategySettings {
  readonly instanceField: string;
  readonly stateStore: StateStore | undefined;
  readonly passRequest: boolean;
  readonly revokeToken: boolean;
}

/** @throws TypeError that names the option at fault. What the engine shares is checked by the engine. */
export function readStrategyOptions(options: MastodonStrategyOptions): StrategySettings {
  return {
    instanceField: checkedText('instanceField', options.instanceField ?? 'instance'),
    stateStore: checkedStateStore(options.stateStore),
    passRequest: options.passReqToCallback === true,
    revokeToken: options.revokeToken === true,
  };
}

function checkedStateStore(value: StateStore | undefined): StateStore | undefined {
  if (value === undefined) return undefined;
  if (typeof value?.save === 'function' && typeof value.take === 'function') return value;
  throw new TypeError('MastodonStrategy: stateStore must have the methods save and take');
}
