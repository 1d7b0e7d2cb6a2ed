/** Mistakes of new sites that their program shows: what it says to the strategy, and how its verify function answers. */

import type { Advice } from '../login/advice.js';
import { OAuth2Strategy } from './passport.js';
import { strategyOptionNames } from './options.js';

/** How long a verify function may take before its author is asked about it. Milliseconds. */
const patienceMs = 10_000;

/** Read by Passport itself (0.7), and by @fastify/passport and @nestjs/passport. */
const passportOptionNames = [
  ...['session', 'keepSessionInfo', 'pauseStream', 'assignProperty', 'userProperty', 'authInfo'],
  ...['successRedirect', 'successReturnToOrRedirect', 'successFlash', 'successMessage'],
  ...['failureRedirect', 'failureFlash', 'failureMessage', 'failWithError'],
  ...['property', 'defaultStrategy'],
];

export class ProgramHints {
  constructor(private readonly advice: Advice) {}

  /** What a route says to the strategy, and what the application has made of it. */
  isGiven(strategy: object, options: object): void {
    this.advice.try(() => {
      const isOwn = (hook: string) =>
        Reflect.get(strategy, hook) !== Reflect.get(OAuth2Strategy.prototype, hook);
      if (isOwn('userProfile')) {
        this.advice.tell(
          'MASTODON_NOT_CALLED',
          'userProfile is overridden, and nobody calls it: the account is asked for anyway, and whatever else you want of the ' +
            'instance can be asked for in the verify function, with the token',
        );
      }
      // Who overrides this may read options of their own.
      if (isOwn('authorizationParams') || isOwn('tokenParams')) return;
      this.advice.begunWith('passport.authenticate', options, strategyOptionNames, passportOptionNames);
    });
  }

  /**
   * The verify function has been called: one that never answers leaves the visitor before an empty page.
   * @returns what is to be called when it has answered
   */
  waitsForVerify(): () => void {
    if (!this.advice.isOn) return () => undefined;
    const asked = setTimeout(() => {
      this.advice.tell(
        'MASTODON_NO_DONE',
        `the verify function has not answered for ${patienceMs / 1000} seconds, and the visitor waits: return the user from an async ` +
          'function, or call done(null, user), done(null, false) or done(error) on every way through it',
      );
    }, patienceMs).unref();
    return () => clearTimeout(asked);
  }

  /** Nobody else is told of it: the login was decided, by `done`, before. What was thrown need not be an error. */
  threwLate(error: unknown): void {
    this.advice.try(() =>
      this.advice.tell(
        'MASTODON_LATE_ERROR',
        `the verify function threw after it had called done, when nobody waits for it any more: ${String(error)}`,
      ),
    );
  }

  /** Passport has thrown as it logged the user in. */
  threw(error: unknown): void {
    this.advice.try(() => {
      if (!/\bsession\.(regenerate|save) is not a function/.test(String(error))) return;
      this.advice.tell(
        'MASTODON_NO_REGENERATE',
        'Passport calls regenerate and save of req.session at the end of a login, and this session has none (cookie-session): use ' +
          'express-session, or give the session both functions as docs/frameworks.md has it',
      );
    });
  }

  /** What verify gave as the user: `undefined` is mostly a `return` that was forgotten. */
  verified(user: unknown): void {
    if (user !== undefined) return;
    this.advice.tell(
      'MASTODON_NO_USER',
      'the verify function gave undefined, so nobody is logged in: return the user, or false to refuse them',
    );
  }
}
