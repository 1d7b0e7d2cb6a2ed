/** `MastodonStrategy`: logs in with Passport, at any instance. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Next } from '../client/metadata-document.js';
import { MastodonLogin } from '../login/login.js';
import type { Tokens } from '../login/exchange.js';
import { OAuth2Strategy, type Request } from './passport.js';
import { Requests, type Actions } from './requests.js';
import {
  readStrategyOptions,
  strategyChecks,
  type MastodonAuthenticateOptions,
  type MastodonStrategyOptions,
} from './options.js';
import {
  checkVerify,
  type AnyVerifyFunction,
  type VerifyFunction,
  type VerifyFunctionWithParams,
  type VerifyFunctionWithRequest,
  type VerifyFunctionWithRequestAndParams,
} from './verify.js';

type OptionsWithRequest = MastodonStrategyOptions & { passReqToCallback: true };
type OptionsWithoutRequest = MastodonStrategyOptions & { passReqToCallback?: false | undefined };

/**
 * "Log in with Mastodon" for any instance.
 *
 * It is a passport-oauth2 strategy by inheritance and by its hooks `authorizationParams` and `tokenParams`. The
 * two phases are its own: the base class has one server per strategy, reads `error` before `state`, and its
 * transport has neither time nor size limits.
 */
export class MastodonStrategy extends OAuth2Strategy {
  override name = 'mastodon';
  // Passport makes an object per request with this one as its prototype, on which #private fields would not
  // be found. Nothing here changes after construction.
  private readonly login: MastodonLogin;
  private readonly requests: Requests;
  /**
   * Answers servers that ask at `clientMetadataURL` what this site is. As a route (`app.get('/auth/mastodon/client/:instance',
   * strategy.clientMetadata)`), or with Node's own request and response in any framework. Nothing secret is in it.
   */
  readonly clientMetadata: (req: IncomingMessage, res: ServerResponse, next?: Next) => void;

  /** @throws TypeError that names the option at fault, or a verify function of another shape */
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequest);
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequestAndParams);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunction);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunctionWithParams);
  constructor(options: MastodonStrategyOptions, verify: AnyVerifyFunction) {
    const settings = readStrategyOptions(options);
    const login = new MastodonLogin(options, strategyChecks);
    checkVerify(verify, options.passReqToCallback === true);
    // The base class wants the one server that it was made for; no request of ours uses these.
    const unused = { authorizationURL: 'https://instance.invalid', tokenURL: 'https://instance.invalid' };
    super({ ...unused, clientID: 'registered-per-instance', clientSecret: '' }, () => undefined);
    this.login = login;
    this.requests = new Requests(login, settings, verify);
    this.clientMetadata = (req, res, next) => login.clientMetadata.serve(req, res, next);
  }

  /** Passport calls it: for the start of a login, and for the answer to one. */
  override authenticate(req: Request, options: MastodonAuthenticateOptions = {}): void {
    // With `passport.authenticate(strategy)` one object serves all requests and these change under us: they
    // are taken before the first await.
    const { success, fail, redirect, error } = this as unknown as Actions;
    void this.requests.conclude(this, req, options, { success, fail, redirect, error });
  }

  /**
   * A new access token for a refresh token, where the instance gives those (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` when the person has to log in again
   */
  refresh(origin: string, refreshToken: string): Promise<Tokens> {
    return this.login.refresh(origin, refreshToken);
  }

  /**
   * Ends an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError when the instance did not confirm it
   */
  revoke(origin: string, accessToken: string): Promise<void> {
    return this.login.revoke(origin, accessToken);
  }
}
