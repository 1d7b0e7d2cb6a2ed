/** The options of the strategy: types, defaults and checks. */

import type { IncomingMessage } from 'node:http';
import { Checks } from '../util/checks.js';
import { loginOptionNames, type BeginOptions, type LoginOptions } from '../options.js';

declare const record: unique symbol;

/** The record of a pending login, for a `stateStore` to keep. Plain JSON; its other members may change in any version. */
export interface LoginTransaction {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Makes the type one that only the strategy produces. Not there at run time. */
  readonly [record]: true;
}

/**
 * Keeps pending logins, each bound to the browser that began it. The default keeps a key of the browser in `req.session`, and
 * the login itself in `store`. Another one must hold to four rules: only the browser that saved a login
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
   * Lets pages of other sites begin a login for their visitors, who may then be logged in to an account of such a site without
   * noticing. Default false: a start is refused where the browser says that it comes from another site (`Sec-Fetch-Site`,
   * `Origin`). A link to a route that begins logins by GET is not refused.
   */
  allowCrossSiteStart?: boolean | undefined;
}

/**
 * Options of `passport.authenticate('mastodon', …)` and `passport.authorize('mastodon', …)`. TypeScript knows them for this name,
 * for names that begin with `mastodon-`, and where the strategy itself is passed: `passport.authenticate(strategy, …)`.
 */
export interface MastodonAuthenticateOptions extends BeginOptions {
  /** Where the account lives; overrides the request's field. */
  instance?: string | undefined;
}

export interface StrategySettings {
  readonly instanceField: string;
  readonly stateStore: StateStore | undefined;
  readonly passRequest: boolean;
  readonly revokeToken: boolean;
  readonly allowCrossSiteStart: boolean;
}

const strategyOptionNames = [
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
    instanceField: checks.text('instanceField', instanceField ?? 'instance'),
    stateStore: stateStore && checks.methods('stateStore', stateStore, ['save', 'take']),
    passRequest: checks.boolean('passReqToCallback', passReqToCallback, false),
    revokeToken: checks.boolean('revokeToken', revokeToken, false),
    allowCrossSiteStart: checks.boolean('allowCrossSiteStart', allowCrossSiteStart, false),
  };
}
