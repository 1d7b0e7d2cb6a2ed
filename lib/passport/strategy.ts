/** `MastodonStrategy`: the Passport strategy for all instances. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Next } from '../client/metadata-document.js';
import { MastodonLogin } from '../login/login.js';
import type { Tokens } from '../login/exchange.js';
import { OAuth2Strategy, type Request } from './passport.js';
import { RequestHandler, type Actions } from './requests.js';
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
 * A Passport strategy that logs in at any instance.
 *
 * It extends passport-oauth2 and supports its hooks `authorizationParams` and `tokenParams`. It replaces
 * `authenticate`, because the base class has one server per strategy, reads `error` before `state`, and has no time and
 * size limits for requests.
 */
export class MastodonStrategy extends OAuth2Strategy {
  override name = 'mastodon';
  // Passport creates an object per request with this strategy as its prototype. #private fields do not work on such an
  // object. Immutable after construction.
  private readonly login: MastodonLogin;
  private readonly handler: RequestHandler;
  /**
   * Serves the client metadata at `clientMetadataURL`. Use it as a route (`app.get('/auth/mastodon/client/:instance',
   * strategy.clientMetadata)`), or with the request and response of Node.js in any framework. The response contains no
   * secret.
   */
  readonly clientMetadata: (req: IncomingMessage, res: ServerResponse, next?: Next) => void;

  /** @throws TypeError that names the option at fault, or for a verify function with wrong parameters */
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequest);
  constructor(options: OptionsWithRequest, verify: VerifyFunctionWithRequestAndParams);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunction);
  constructor(options: OptionsWithoutRequest, verify: VerifyFunctionWithParams);
  constructor(options: MastodonStrategyOptions, verify: AnyVerifyFunction) {
    const settings = readStrategyOptions(options);
    const login = new MastodonLogin(options, strategyChecks);
    checkVerify(verify, options.passReqToCallback === true);
    // The base class requires these URLs. They are never requested.
    const unused = { authorizationURL: 'https://instance.invalid', tokenURL: 'https://instance.invalid' };
    super({ ...unused, clientID: 'registered-per-instance', clientSecret: '' }, () => undefined);
    this.login = login;
    this.handler = new RequestHandler(login, settings, verify);
    this.clientMetadata = (req, res, next) => login.clientMetadata.serve(req, res, next);
  }

  /** Handles the start of a login, or an authorization response. Passport calls it. */
  override authenticate(req: Request, options: MastodonAuthenticateOptions = {}): void {
    // With `passport.authenticate(strategy)` one object serves all requests, and Passport replaces these members. So
    // they are read before the first await.
    const { success, fail, redirect, error } = this as unknown as Actions;
    void this.handler.conclude(this, req, options, { success, fail, redirect, error });
  }

  /**
   * Refreshes tokens, at servers that issue refresh tokens (Pleroma, Akkoma, Pixelfed).
   * @param origin `profile.instance.origin`
   * @throws MastodonError `token_refused` or `login_restart` if the user has to log in again
   */
  refresh(origin: string, refreshToken: string): Promise<Tokens> {
    return this.login.refresh(origin, refreshToken);
  }

  /**
   * Revokes an access token at its instance.
   * @param origin `profile.instance.origin`
   * @throws MastodonError `revocation_unsupported`, or the reason why the instance did not confirm the revocation
   */
  revoke(origin: string, accessToken: string): Promise<void> {
    return this.login.revoke(origin, accessToken);
  }
}
