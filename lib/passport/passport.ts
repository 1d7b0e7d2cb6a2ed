/**
 * The types of Passport, passport-oauth2 and Express that this package uses. They are optional: the types that the
 * application has installed are used, in any version. An application without them needs no extra dependency.
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

/** A type that cannot be imported is `any`. Only `any` satisfies this condition. */
type OrElse<T, Fallback> = 0 extends 1 & T ? Fallback : T;

/** The request type of Express if its types are installed, else that of Node.js. */
export type Request = OrElse<ExpressRequest, IncomingMessage>;

/**
 * Whether a class has no types. Such a class has an index signature. Every other test of it is a type error if the
 * package is installed without types.
 */
type HasNoTypes<T> = string extends keyof T ? true : false;

/** The members of a passport-oauth2 strategy, for applications without its types. */
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

/** The error of passport-oauth2 for an error response of an authorization endpoint. */
export interface AuthorizationError extends Error {
  code: string;
  uri?: string | undefined;
  status: number;
}

/** The error of passport-oauth2 for an error response of a token endpoint. */
export type TokenError = AuthorizationError;

/** The error of passport-oauth2 for failed requests. */
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
      /** The option `state` of `passport.authenticate`. */
      state?: unknown;
    }
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the application declares its user
    interface User {}
  }
}

/**
 * The strategies that accept `MastodonAuthenticateOptions`: the name `mastodon`, names that begin with `mastodon-`, and
 * a strategy object of this package. Options of other strategies keep Passport's types.
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
