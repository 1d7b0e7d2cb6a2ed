/** `MastodonLogin`: the login itself, for any door to stand on. Its options are checked at once; its engine waits. */

import type { Checks } from '../util/checks.js';
import type { MastodonError } from '../errors.js';
import { readOptions, type BeginOptions, type Instance, type LoginOptions } from '../options.js';
import type { Target } from './response.js';
import type { ClientMetadata } from '../client/metadata-document.js';
import type { Begun, Browser, Extras, Finished, FinishedWithScope } from './door.js';
import type * as engine from './engine.js';
import { reportFailure } from './report.js';
import type { Tokens } from './token.js';

export type { Begun, Browser, Extras, Finished, FinishedWithScope };

export class MastodonLogin {
  /** As the option says it, without a slash at its end. */
  readonly callbackURL: string;
  private readonly refuse: (error: MastodonError) => void;
  private readonly makeEngine: () => engine.Engine;
  private made: engine.Engine | undefined;

  /** @throws TypeError that names the option at fault */
  constructor(options: LoginOptions, checks?: Checks) {
    const settings = readOptions(options, checks);
    const { store } = options;
    this.callbackURL = settings.callbackURL;
    this.refuse = (error) => reportFailure(settings.log, error);
    this.makeEngine = () => new (loadEngine().Engine)(settings, store);
  }

  /** Answers servers that ask what this site is (`clientMetadataURL`). */
  get clientMetadata(): ClientMetadata {
    return this.engine.clientMetadata;
  }

  /**
   * The instance that somebody typed, without registering there.
   * @param typed a domain, a handle or a URL, as it came
   * @throws MastodonError
   */
  find(typed: unknown): Promise<Instance> {
    return this.engine.find(typed);
  }

  /**
   * Finds the instance, gets credentials there, and tells where to send the browser.
   * @param typed a domain, a handle or a URL, as it came
   * @param browser the key that only this browser has
   * @throws MastodonError
   */
  begin(typed: unknown, browser: Browser, options: BeginOptions = {}, extras: Extras = {}): Promise<Begun> {
    return this.engine.begin(typed, browser, options, extras);
  }

  /** A refusal of the door's own, told to the same log. */
  refused(error: MastodonError): MastodonError {
    this.refuse(error);
    return error;
  }

  /**
   * Turns the answer that a browser brought back into a token and a profile.
   * @param answer the URL that the browser came back to, or its path and query
   * @throws MastodonError; its `state` is the application's, where the login is known
   */
  async finish(answer: URL | string, browser: Browser, extras: Extras = {}): Promise<Finished> {
    const finished = await this.engine.finish(answer, browser, extras);
    const { profile, accessToken, refreshToken, params, state } = finished;
    return { profile, accessToken, refreshToken, params, state };
  }

  /**
   * As `finish`, for doors that tell the scope on, or are done with the token at once.
   * @internal
   */
  finishWithScope(
    answer: Target | string,
    browser: Browser,
    extras: Extras = {},
  ): Promise<FinishedWithScope> {
    return this.engine.finish(answer, browser, extras);
  }

  /**
   * New tokens for a refresh token, where the instance gives those (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` or `login_restart` when the person has to log in again
   */
  refresh(origin: string, refreshToken: string): Promise<Tokens> {
    return this.engine.refresh(origin, refreshToken);
  }

  /**
   * Ends an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `revocation_unsupported`, or what kept the instance from confirming it
   */
  revoke(origin: string, accessToken: string): Promise<void> {
    return this.engine.revoke(origin, accessToken);
  }

  private get engine(): engine.Engine {
    return (this.made ??= this.makeEngine());
  }
}

/** Most of the package, which a process that logs nobody in (a build, a cold start for another page) need not read. */
function loadEngine(): typeof engine {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import() would make every door wait for it.
  return require('./engine.js') as typeof engine;
}
