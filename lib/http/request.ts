/** Sends requests to instances: every rule applies to each of them. */

import type { RequestContext } from './context.js';

/** Names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** A complete answer within the limits. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly contentType: string;
}

/** Judges an answer. What it throws that is no MastodonError becomes `response_invalid`. */
export type Reader<T> = (answer: Answer) => T;

export interface GetOptions {
  /** How many redirects are followed. Default 3; with an access token none. */
  readonly redirects?: number;
  /** Sent as `Authorization: Bearer`. */
  readonly accessToken?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  /** Most bytes of the body. Default: what discovery documents need; with an access token, what an account needs. */
  readonly maxBytes?: number;
}

export function get<T>(
  _context: RequestContext,
  _url: string,
  _options: GetOptions,
  _read: Reader<T>,
): Promise<T> {
  throw new Error('not yet');
}

/** Fields without a value are left out. */
export function postForm<T>(
  _context: RequestContext,
  _url: string,
  _form: Readonly<Record<string, string | undefined>>,
  _read: Reader<T>,
): Promise<T> {
  throw new Error('not yet');
}

export function postJSON<T>(
  _context: RequestContext,
  _url: string,
  _value: unknown,
  _options: { readonly accessToken?: string },
  _read: Reader<T>,
): Promise<T> {
  throw new Error('not yet');
}
