/** What the Passport door asks beside the engine's options. */

import type { IncomingMessage } from 'node:http';
import { Checks } from '../util/checks.js';
import { loginOptionNames, type BeginOptions, type LoginOptions, type LoginTransaction } from '../options.js';

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

/** What a site says once, when it makes the strategy. `undefined` means the default. */
export interface MastodonStrategyOptions extends LoginOptions {
  /** Body or query field that holds what the visitor typed. Default `instance`. */
  instanceField?: string | undefined;
  /** Default: the browser's key in `req.session`, the login in `store`. */
  stateStore?: StateStore | undefined;
  /** Gives the request to the verify function as its first argument. Default false. */
  passReqToCallback?: boolean | undefined;
  /** Revoke the token once verify is done. Best effort. Default false. */
  revokeToken?: boolean | undefined;
  /**
   * Lets a page of another site begin a login for its visitor, who may then be logged in to that site's account without
   * noticing. Default false: such a start is refused, where the browser tells of it (`Sec-Fetch-Site`).
   */
  allowCrossSiteStart?: boolean | undefined;
}

/** Options of `passport.authenticate('mastodon', …)`. */
export interface MastodonAuthenticateOptions extends BeginOptions {
  /** Where the account lives; overrides the request's field. */
  instance?: string | undefined;
}

export interface StrategySettings {
  readonly hasStore: boolean;
  readonly instanceField: string;
  readonly stateStore: StateStore | undefined;
  readonly passRequest: boolean;
  readonly revokeToken: boolean;
  readonly allowCrossSiteStart: boolean;
}

/** The names of all options that a strategy is made with. */
export const strategyOptionNames = [
  ...loginOptionNames,
  'instanceField',
  'stateStore',
  'passReqToCallback',
  'revokeToken',
  'allowCrossSiteStart',
];

/** Whom messages about options name. */
export const strategyChecks = new Checks('MastodonStrategy');

/** @throws TypeError that names the option at fault. What the engine shares is checked by the engine. */
export function readStrategyOptions(options: MastodonStrategyOptions): StrategySettings {
  const checks = strategyChecks;
  const { instanceField, stateStore, passReqToCallback, revokeToken, allowCrossSiteStart } = checks.options(
    options,
    strategyOptionNames,
  );
  return {
    hasStore: options.store !== undefined || stateStore !== undefined,
    instanceField: checks.text('instanceField', instanceField ?? 'instance'),
    stateStore: stateStore && checks.methods('stateStore', stateStore, ['save', 'take']),
    passRequest: checks.boolean('passReqToCallback', passReqToCallback, false),
    revokeToken: checks.boolean('revokeToken', revokeToken, false),
    allowCrossSiteStart: checks.boolean('allowCrossSiteStart', allowCrossSiteStart, false),
  };
}
