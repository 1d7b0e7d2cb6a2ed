/**
 * What is used of Passport, passport-oauth2 and Express. Their types are used where the application has them, in any version,
 * and are not needed: an application in JavaScript downloads none, and there is never a second copy of those of Express.
 */

import type { IncomingMessage } from 'node:http';
import OAuth2 from 'passport-oauth2';
import type { MastodonAuthenticateOptions } from './options.js';

/* eslint-disable @typescript-eslint/ban-ts-comment -- an error where the application has no such types */
/** @ts-ignore */
import type { Request as ExpressRequest } from 'express';
/** @ts-ignore */
import type * as Passport from 'passport';
/** @ts-ignore */
import type { Strategy as OAuth2Types } from 'passport-oauth2';
/** @ts-ignore */
import type * as Fastify from '@fastify/passport/dist/authentication-route';
/* eslint-enable @typescript-eslint/ban-ts-comment */

/** What cannot be imported is `any`, of which alone everything is true. */
type OrElse<T, Fallback> = 0 extends 1 & T ? Fallback : T;

/** Express's request where there are types of Express; else Node's. */
export type Request = OrElse<ExpressRequest, IncomingMessage>;

/**
 * The same for what has members that are to be overridden: of a package that is there without its types TypeScript makes an
 * error of every question, but for the one after its keys.
 */
type HasNoTypes<T> = string extends keyof T ? true : false;

/** What remains of a passport-oauth2 strategy in an application without its types. */
export interface AnyOAuth2Strategy {
  name: string;
  authenticate(req: IncomingMessage, options?: object): void;
  authorizationParams(options: object): object;
  tokenParams(options: object): object;
}

export const OAuth2Strategy = OAuth2 as unknown as new (
  options: object,
  verify: () => void,
) => HasNoTypes<OAuth2Types> extends true ? AnyOAuth2Strategy : OAuth2Types;

/** The error of passport-oauth2's that an authorization endpoint's answer is. */
export interface AuthorizationError extends Error {
  code: string;
  uri?: string | undefined;
  status: number;
}

/** The error of passport-oauth2's that a token endpoint's answer is. */
export type TokenError = AuthorizationError;

/** The error of passport-oauth2's for requests that failed. */
export interface InternalOAuthError extends Error {
  oauthError: unknown;
}

type OAuthErrorClass = new (
  message: string | undefined,
  code: string,
  uri?: string,
  status?: number,
) => AuthorizationError;

export const AuthorizationError: OAuthErrorClass = OAuth2.AuthorizationError;
export const TokenError: OAuthErrorClass = OAuth2.TokenError;
export const InternalOAuthError: new (message: string, error: unknown) => InternalOAuthError =
  OAuth2.InternalOAuthError;

declare global {
  namespace Express {
    interface AuthInfo {
      /** What the application gave `passport.authenticate` as `state`. */
      state?: unknown;
    }
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the application says what a user is
    interface User {}
  }
}

/**
 * The strategies that take `MastodonAuthenticateOptions`: by the name `mastodon` or one that begins with `mastodon-`, and any
 * strategy of this package that is passed itself. The options of other strategies stay as Passport's types have them.
 */
export type OwnStrategy =
  | 'mastodon'
  | `mastodon-${string}`
  | { readonly clientMetadata: unknown; authenticate(req: never, options?: never): void };

/* eslint-disable @typescript-eslint/ban-ts-comment, @typescript-eslint/no-unused-vars --
   as above; and merging needs the same type parameters */
/** @ts-ignore */
declare module 'passport' {
  interface Authenticator<InitializeRet, AuthenticateRet, AuthorizeRet, AuthorizeOptions> {
    authenticate(
      strategy: OwnStrategy,
      options: Omit<Passport.AuthenticateOptions, 'state' | 'scope'> & MastodonAuthenticateOptions,
      callback?: Passport.AuthenticateCallback,
    ): AuthenticateRet;
    authorize(
      strategy: OwnStrategy,
      options: Omit<Passport.AuthenticateOptions, 'state' | 'scope'> & MastodonAuthenticateOptions,
      callback?: Passport.AuthorizeCallback,
    ): AuthorizeRet;
  }
}

/** @ts-ignore */
declare module '@fastify/passport/dist/authenticator' {
  interface Authenticator {
    authenticate(
      strategy: OwnStrategy,
      options: Omit<Fastify.AuthenticateOptions, 'state' | 'scope'> & MastodonAuthenticateOptions,
    ): Fastify.AuthenticationRoute<string>['handler'];
    authorize(
      strategy: OwnStrategy,
      options: Omit<Fastify.AuthenticateOptions, 'state' | 'scope'> & MastodonAuthenticateOptions,
    ): Fastify.AuthenticationRoute<string>['handler'];
  }
}
