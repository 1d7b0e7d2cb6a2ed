/** The options of the strategy: types, defaults and checks. */

import type { IncomingMessage } from 'node:http';
import { Checks } from '../util/checks.js';
import { loginOptionNames, type BeginOptions, type LoginOptions } from '../options.js';

declare const record: unique symbol;

/** The record of a pending login, for a `stateStore`. Plain JSON. Only `expiresAt` is stable between versions. */
export interface LoginTransaction {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** A type-level marker: only the strategy creates this type. Absent at run time. */
  readonly [record]: true;
}

/**
 * Stores pending logins, each bound to the browser that began it. The default stores a browser key in `req.session`,
 * and the login in `store`. An implementation follows four rules. Only the browser that saved a login can take it. It
 * can be taken once. It is gone after `expiresAt`. A failed write rejects.
 */
export interface StateStore {
  /** Saves a login. `state` is 43 random characters of `[A-Za-z0-9_-]`. */
  save(req: IncomingMessage, state: string, login: LoginTransaction): Promise<void>;
  /** Removes and returns the login. Returns `undefined` if this browser has no such login. */
  take(req: IncomingMessage, state: string): Promise<LoginTransaction | undefined>;
  /** Whether this browser has an unfinished login at the instance. Optional: used only to detect dead clients. */
  hasUnfinished?(req: IncomingMessage, instanceHost: string): Promise<boolean>;
  /** Called after a finished login at the instance. Optional, the counterpart of `hasUnfinished`. */
  finished?(req: IncomingMessage, instanceHost: string): Promise<void>;
}

/** Options of the strategy. `undefined` means the default. */
export interface MastodonStrategyOptions extends LoginOptions {
  /** Body or query field that holds what the visitor typed. Default `instance`. */
  instanceField?: string | undefined;
  /** Stores pending logins. Default: the browser key in `req.session`, the login in `store`. */
  stateStore?: StateStore | undefined;
  /** Passes the request to the verify function as its first argument. Default false. */
  passReqToCallback?: boolean | undefined;
  /** Revokes the token after the verify function has finished. Failures are only reported. Default false. */
  revokeToken?: boolean | undefined;
  /**
   * Accepts login starts from pages of other sites. Such a page could log a visitor in to an account of an attacker.
   * Default false: a start is refused if the browser reports another site as its source (`Sec-Fetch-Site`, `Origin`). A
   * link to a route that begins logins by GET is not refused.
   */
  allowCrossSiteStart?: boolean | undefined;
}

/**
 * Options of `passport.authenticate('mastodon', …)` and `passport.authorize('mastodon', …)`. TypeScript accepts them
 * for the name `mastodon`, for names that begin with `mastodon-`, and for the strategy itself:
 * `passport.authenticate(strategy, …)`.
 */
export interface MastodonAuthenticateOptions extends BeginOptions {
  /** The visitor's server, as typed. Overrides the field of the request. */
  instance?: string | undefined;
}

const strategyOptionNames = [
  ...loginOptionNames,
  'instanceField',
  'stateStore',
  'passReqToCallback',
  'revokeToken',
  'allowCrossSiteStart',
];

/** Names `MastodonStrategy` in messages about options. */
export const strategyChecks = new Checks('MastodonStrategy');

/**
 * Reads the options of the strategy. `MastodonLogin` checks the shared ones. @throws TypeError that names the option at
 * fault
 */
export function readStrategyOptions(options: MastodonStrategyOptions) {
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

export type StrategySettings = ReturnType<typeof readStrategyOptions>;
