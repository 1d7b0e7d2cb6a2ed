/** Checks the application's verify function, and calls it in any of its forms. */

import { kindOf } from '../errors.js';
import { isThenable } from '../util/checks.js';
import type { MastodonProfile } from '../login/profile.js';
import type { Request } from './passport.js';

/** Token endpoint's answer. */
export type TokenParams = Record<string, unknown>;

/** Of the callback forms. `info` comes back as `req.authInfo`, or with the refusal. */
export type VerifyDone = (error?: unknown, user?: Express.User | false | null, info?: object) => void;

/** The user, or a falsy value to refuse the login; nothing from the callback form. */
type Verdict = Express.User | false | null | undefined | void;

/**
 * The async form (leave out `done`) and the callback form. One type for both: TypeScript does not choose among
 * function types by the number of parameters, so with two it could infer none of them.
 */
export type VerifyFunction = (
  accessToken: string,
  refreshToken: string | undefined,
  profile: MastodonProfile,
  done: VerifyDone,
) => Verdict | Promise<Verdict>;

/** The callback form that is also given the token endpoint's answer. */
export type VerifyFunctionWithParams = (
  accessToken: string,
  refreshToken: string | undefined,
  params: TokenParams,
  profile: MastodonProfile,
  done: VerifyDone,
) => void | Promise<void>;

/** With `passReqToCallback`: the async form and the callback form. */
export type VerifyFunctionWithRequest = (
  req: Request,
  accessToken: string,
  refreshToken: string | undefined,
  profile: MastodonProfile,
  done: VerifyDone,
) => Verdict | Promise<Verdict>;

/** With `passReqToCallback`: the callback form that is also given the token endpoint's answer. */
export type VerifyFunctionWithRequestAndParams = (
  req: Request,
  accessToken: string,
  refreshToken: string | undefined,
  params: TokenParams,
  profile: MastodonProfile,
  done: VerifyDone,
) => void | Promise<void>;

export type AnyVerifyFunction =
  VerifyFunction | VerifyFunctionWithParams | VerifyFunctionWithRequest | VerifyFunctionWithRequestAndParams;

export interface VerifyInput {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly params: TokenParams;
  readonly profile: MastodonProfile;
}

export interface Verified {
  readonly user: unknown;
  readonly info?: object | undefined;
}

/**
 * Told when the strategy is made, not at a login. A function without parameters may be a wrapper, and is accepted.
 * @param withRequest the function takes the request first
 * @throws TypeError that says what to write
 */
export function checkVerify(verify: unknown, withRequest: boolean): void {
  if (typeof verify !== 'function') throw new TypeError('MastodonStrategy requires a verify function');
  const isClass = Object.getOwnPropertyDescriptor(verify, 'prototype')?.writable === false;
  if (isClass || /Generator/.test(Object.prototype.toString.call(verify))) {
    throw wrongForm('it must be a plain or an async function', withRequest);
  }
  const declared = verify.length - (withRequest ? 1 : 0);
  // Two cannot hold the profile.
  if (declared === 2 || declared > 5) throw wrongForm(`it declares ${verify.length} parameters`, withRequest);
}

function wrongForm(problem: string, withRequest: boolean): TypeError {
  const req = withRequest ? 'req, ' : '';
  return new TypeError(
    `MastodonStrategy: the verify function has none of the known forms: ${problem}. ` +
      `Write async (${req}accessToken, refreshToken, profile) => user, ` +
      `or (${req}accessToken, refreshToken, profile, done), ` +
      `or (${req}accessToken, refreshToken, params, profile, done) with done(null, user). ` +
      (withRequest
        ? 'The request comes first because of passReqToCallback.'
        : 'For the request as first parameter, set passReqToCallback: true.'),
  );
}

/**
 * Calls the application's function. passport-oauth2 tells its forms apart by the number of declared
 * parameters, and so must this; but whichever form it takes the function for, the first of "done was called",
 * "the promise settled" and "it threw" decides, so that no form can leave the request open by a rejection.
 * An error after the decision is emitted as a warning of the process, as nothing else reports it.
 * @param withRequest the function takes the request first
 */
export function callVerify(
  verify: AnyVerifyFunction,
  req: unknown,
  withRequest: boolean,
  input: VerifyInput,
): Promise<Verified> {
  const { accessToken, refreshToken, params, profile } = input;
  const before = withRequest ? [req] : [];
  const declared = verify.length - before.length;
  return new Promise<Verified>((resolve, reject) => {
    let isDecided = false;
    const done: VerifyDone = (error, user, info) => {
      isDecided = true;
      if (error) reject(error as Error);
      else resolve({ user, info });
    };
    const failed = (error: unknown) => (isDecided ? warnOfLateError(error) : reject(error as Error));
    refuseToBeTakenForProfile(done);
    const rest = declared >= 5 ? [params, profile, done] : [profile, done];
    const call = verify as (...args: unknown[]) => unknown;
    const result = call(...before, accessToken, refreshToken, ...rest);
    const settle = (user: unknown) => resolve({ user });
    const waitForDone = (returned: unknown) => {
      if (returned === undefined) return;
      setTimeout(() => reject(new TypeError(returnedInstead)), patienceWith(returned)).unref();
    };
    if (declared >= 4) {
      // What a callback form returns means nothing (`return users.find(id, done)`) as long as it calls done.
      if (result instanceof Promise) result.then(waitForDone, failed);
      else waitForDone(result);
    } else if (isThenable(result)) {
      result.then(settle, reject);
    } else if (result !== undefined || verify.length > 0) {
      // A function that names no parameters may be a wrapper of the callback form, which will call done.
      settle(result);
    }
  });
}

const returnedInstead =
  'MastodonStrategy: the verify function declares a parameter for done, and returned a value instead of ' +
  'calling it. Write async (accessToken, refreshToken, profile) => user, or call done(null, user).';

/**
 * Milliseconds in which a function that has returned something may still call done. A plain object is meant as the user;
 * anything else may be a query, a timer or a length, and the database may be slow.
 */
function patienceWith(returned: unknown): number {
  const prototype: unknown =
    typeof returned === 'object' && returned !== null ? Object.getPrototypeOf(returned) : undefined;
  return prototype === Object.prototype || prototype === null ? 100 : 10_000;
}

function warnOfLateError(error: unknown): void {
  process.emitWarning(
    `MastodonStrategy: the verify function threw after it had called done: ${textOf(error)}`,
  );
}

/** Not every value that is thrown can be shown. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return kindOf(thrown) || 'something that cannot be shown';
  }
}

/**
 * A function that expects the profile where it gets `done` would find `undefined` under every name, and log
 * all visitors in as one user.
 */
function refuseToBeTakenForProfile(done: VerifyDone): void {
  Object.setPrototypeOf(done, notTheProfile);
}

const profileFields: Readonly<Record<keyof MastodonProfile, true>> = {
  ...{
    provider: true,
    id: true,
    localId: true,
    username: true,
    displayName: true,
    profileUrl: true,
    photos: true,
  },
  ...{ handle: true, handleVerified: true, actor: true, instance: true, _raw: true, _json: true },
};

/** A function's prototype in which the profile's fields are traps. */
const notTheProfile = Object.create(
  Function.prototype,
  Object.fromEntries(Object.keys(profileFields).map((name) => [name, { get: () => refuseToRead(name) }])),
) as object;

function refuseToRead(name: string): never {
  throw new TypeError(
    `MastodonStrategy: the verify function reads "${name}" of done, which it takes for the profile. ` +
      'Its parameters are (accessToken, refreshToken, profile, done), or ' +
      '(accessToken, refreshToken, params, profile, done); with passReqToCallback, req comes first.',
  );
}
