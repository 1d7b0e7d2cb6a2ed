/** Checks the application's verify function, and calls it in each of its forms. */

import { isDevelopment, warnOnce } from '../events.js';
import type { MastodonProfile } from '../login/profile.js';
import type { Request } from './passport.js';

/** Response of the token endpoint. */
export type TokenParams = Record<string, unknown>;

/** The callback of the callback forms. `info` becomes `req.authInfo`; for a refused user it is passed to `fail`. */
export type VerifyDone = (error?: unknown, user?: Express.User | false | null, info?: object) => void;

/** The user, or a falsy value to refuse the login. The callback form returns nothing. */
type Verdict = Express.User | false | null | undefined | void;

/**
 * The async form (without `done`) and the callback form. They share one type, because TypeScript does not select a
 * function type by its number of parameters.
 */
export type VerifyFunction = (
  accessToken: string,
  refreshToken: string | undefined,
  profile: MastodonProfile,
  done: VerifyDone,
) => Verdict | Promise<Verdict>;

/** The callback form with the token endpoint's response. */
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

/** With `passReqToCallback`: the callback form with the token endpoint's response. */
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
 * Checks the parameters of the verify function at construction. A function without parameters may be a wrapper, and is
 * accepted.
 * @param withRequest whether the function takes the request first
 * @throws TypeError with the correct forms
 */
export function checkVerify(verify: unknown, withRequest: boolean): void {
  if (typeof verify !== 'function') throw new TypeError('MastodonStrategy requires a verify function');
  const isClass = Object.getOwnPropertyDescriptor(verify, 'prototype')?.writable === false;
  const isGenerator = /Generator/.test(Object.prototype.toString.call(verify));
  const declared = verify.length - (withRequest ? 1 : 0);
  // With two parameters the function cannot receive the profile.
  if (!isClass && !isGenerator && declared !== 2 && declared <= 5) return;
  const problem =
    isClass || isGenerator
      ? 'it must be a plain or an async function'
      : `it declares ${verify.length} parameters`;
  const req = withRequest ? 'req, ' : '';
  throw new TypeError(
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
 * Calls the verify function. Its form depends on the number of declared parameters, as in passport-oauth2. In each form
 * the first event decides: `done` was called, the promise settled, or the function threw. So a rejection cannot leave
 * the request open. A later error is emitted as a process warning.
 * @param withRequest whether the function takes the request first
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
    const returned = (user: unknown) => {
      if (user === undefined && isDevelopment()) warnOnce('MASTODON_NO_USER', noUser);
      resolve({ user });
    };
    Object.setPrototypeOf(done, notTheProfile);
    const rest = declared >= 5 ? [params, profile, done] : [profile, done];
    const result = (verify as (...args: unknown[]) => unknown)(...before, accessToken, refreshToken, ...rest);
    if (declared < 4) {
      // A function without declared parameters may wrap a callback form, which then calls `done`.
      const isAsyncForm = result !== undefined || verify.length > 0;
      if (isAsyncForm) Promise.resolve(result).then(returned, reject);
      return;
    }
    // The return value of a callback form is ignored if it calls `done` (`return users.find(id, done)`).
    const waitForDone = (returned: unknown) => {
      if (returned === undefined) return;
      // A plain object is probably the user. Other values may be a query or a timer, and the database may be slow.
      const timeoutMs = Object.getPrototypeOf(Object(returned)) === Object.prototype ? 100 : 10_000;
      setTimeout(() => reject(new TypeError(returnedInstead)), timeoutMs).unref();
    };
    const failed = (error: unknown) => {
      if (!isDecided) return reject(error as Error);
      const text = `the verify function threw after it had called done: ${thrownText(error)}`;
      process.emitWarning(`MastodonStrategy: ${text}`);
    };
    if (result instanceof Promise) result.then(waitForDone, failed);
    else waitForDone(result);
  });
}

const returnedInstead =
  'MastodonStrategy: the verify function declares a parameter for done, and returned a value instead of ' +
  'calling it. Write async (accessToken, refreshToken, profile) => user, or call done(null, user).';

const noUser =
  'MastodonStrategy: the verify function returned undefined, so the login was refused. Return the user. To refuse a login, ' +
  'return false';

/** Not every value that is thrown can be shown. */
export function thrownText(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'something that cannot be shown';
  }
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

/**
 * A function's prototype in which the profile's fields throw. A function that expects the profile where it gets `done` would
 * find `undefined` under every name, and log all visitors in as one user.
 */
const notTheProfile = Object.create(Function.prototype) as object;
for (const name of Object.keys(profileFields)) {
  const get = () => {
    throw new TypeError(
      `MastodonStrategy: the verify function reads "${name}" of done, which it takes for the profile. ` +
        'Its parameters are (accessToken, refreshToken, profile, done), or ' +
        '(accessToken, refreshToken, params, profile, done); with passReqToCallback, req comes first.',
    );
  };
  Object.defineProperty(notTheProfile, name, { get });
}
