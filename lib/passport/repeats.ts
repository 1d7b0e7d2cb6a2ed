/** Gives a repeated authorization response of the same browser the result of the first one. */

import type { Target } from '../login/response.js';
import { digest } from '../util/digest.js';

/** For how long after a login. Milliseconds. */
const repeatMs = 5000;

/** More logins at the same time are not remembered. */
const maxRemembered = 1000;

/**
 * A browser may send an authorization response twice, the second time with the cookies of before the login: a second press of
 * a button, a reload, a program that checks links. If the second request failed, what the site writes into the session of the
 * failure (`failureMessage`) would replace the session of the login, and the visitor would be logged out. So a request that comes
 * after the login was finished gets the same result: the code is exchanged once, and the verify function is called once. Of
 * requests at the same moment, one is the login.
 *
 * The same browser is one that sends the same `Cookie` header, with the session that the login was begun in. Only results of
 * finished logins are given again, by the process that has them, for a few seconds.
 */
export class Repeats<T> {
  private readonly results = new Map<string, T>();

  /** @param isFinished whether a result is that of a finished login */
  constructor(private readonly isFinished: (result: T) => boolean) {}

  /** @param cookies the request's `Cookie` header */
  async run(response: Target, cookies: string | undefined, finish: () => Promise<T>): Promise<T> {
    const states = response.searchParams.getAll('state');
    if (!cookies || states.length !== 1) return finish();
    const key = digest(JSON.stringify([states[0], cookies]));
    const first = this.results.get(key);
    if (first !== undefined) return first;
    const result = await finish();
    if (this.isFinished(result) && this.results.size < maxRemembered) {
      this.results.set(key, result);
      setTimeout(() => this.results.delete(key), repeatMs).unref();
    }
    return result;
  }
}
