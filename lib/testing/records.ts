/** The records of a testing instance's OAuth server: apps, codes and tokens, and a checked authorization request. */

import type { PageRefusal } from './refusals.js';

export interface TestApp {
  readonly clientId: string;
  readonly name: string;
  readonly website: string | null;
  readonly redirectURIs: readonly string[];
  readonly scopes: readonly string[];
  /** Absent from a site that is known by the URL of its client metadata. */
  readonly clientSecret?: string;
}

export interface Question {
  readonly app: TestApp;
  readonly redirectURI: string;
  readonly scopes: readonly string[];
  readonly state: string | undefined;
  readonly challenge: string | undefined;
}

/** The reason for which the instance shows an error page instead of a redirect. */
export interface Kept {
  readonly refusal: PageRefusal;
  readonly reason: string;
}

export interface Code {
  readonly code: string;
  readonly clientId: string;
  readonly redirectURI: string;
  readonly scopes: readonly string[];
  readonly challenge?: string | undefined;
  readonly username: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Token {
  readonly token: string;
  readonly refreshToken?: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Absent if the token belongs to the app and not to an account. */
  readonly username?: string | undefined;
}
