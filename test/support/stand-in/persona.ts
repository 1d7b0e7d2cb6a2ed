/** The habits in which families of servers differ, as one description that the stand-in reads. */

import type { Reply } from './exchange.js';

/** A reason to say no. What a family answers to each is its table of replies. */
export type Refusal =
  | 'not_found'
  | 'malformed'
  | 'invalid_app'
  | 'throttled'
  // On the authorize page, so in the visitor's browser.
  | 'page_client'
  | 'page_redirect'
  | 'page_request'
  | 'page_scope'
  // At the token endpoint.
  | 'unknown_client'
  | 'wrong_secret'
  | 'missing_field'
  | 'unsupported_grant'
  | 'wrong_code'
  /** A code that was issued, but is used up, too old, or another client's. */
  | 'spent_code'
  | 'wrong_redirect'
  | 'wrong_verifier'
  | 'wrong_scope'
  // Where a token is needed.
  | 'bad_token'
  | 'app_token'
  | 'missing_scope'
  | 'account_disabled'
  | 'account_unconfirmed'
  | 'account_pending'
  | 'account_moved';

/** Most families answer to a spent code as to one that they have never seen. */
export type Replies = Readonly<Record<Exclude<Refusal, 'spent_code'>, Reply>> & {
  readonly spent_code?: Reply;
};

export interface AppHabits {
  /** What becomes of `redirect_uris` as an array. */
  readonly uriArray: 'accept' | 'drop' | 'refuse' | 'first';
  /** `redirect_uris[]` in a form is read as an array, as Rails does; otherwise it is an unknown field. */
  readonly brackets: boolean;
  /** What separates several URIs in one string; otherwise they make one broken URI. */
  readonly splitsURIs: 'white space' | 'commas' | false;
  /** Without `redirect_uris` the app is out-of-band; otherwise it is refused. */
  readonly outOfBand: boolean;
  readonly scopesRequired: boolean;
  /** A field that is not known, and an empty website, are refused. */
  readonly strictFields: boolean;
  /** Mastodon's limits: name 60 characters, website 2000 and a URL. */
  readonly limits: boolean;
  /** Fields of the answer beside name, website, ids, secret and `redirect_uri`. */
  readonly answers: readonly ('scopes' | 'redirect_uris' | 'client_secret_expires_at')[];
  /** Registrations of one address in that many milliseconds, enforced only when a test asks for it. */
  readonly throttle: { readonly count: number; readonly windowMs: number };
  /** An app is one login session: its id names the session, whose token is the code. */
  readonly singleUse: boolean;
}

export interface ScopeHabits {
  readonly known: readonly string[];
  readonly unknownAtApps: 'refuse' | 'keep';
  /** How an authorize or token request's scopes are held against the app's. */
  readonly compare: 'literally' | 'covers' | 'never';
  /** An unknown scope comes back to the callback as an error, without `state`. */
  readonly unknownRedirects: boolean;
  /** Any one of these reads the account; `undefined` means that every token does. */
  readonly reading: readonly string[] | undefined;
}

export interface AuthorizeHabits {
  /** A wrong request is refused before anyone has signed in. */
  readonly checksFirst: boolean;
  /** Sign-in and consent are one form. */
  readonly onePage: boolean;
  /**
   * Someone who is signed in already, without `force_login`: is asked for consent; is sent on when a token for
   * app and scopes exists; is sent on with an access token in place of a code; gets the used code again; or is
   * not remembered at all.
   */
  readonly returning: 'consent' | 'skip' | 'token' | 'code' | 'sign in';
  /** Whoever denies goes back to the site, or ends on a page of the instance. */
  readonly denial: 'with state' | 'without state' | 'own page' | 'no button';
  /** How the parameters join the redirect URI: as they should; `state` unescaped; or sorted with its own. */
  readonly joins: 'encoded' | 'raw' | 'sorted';
  /** The query of the redirect URI is cut off before it is compared with the registered one. */
  readonly cutsQuery: boolean;
  /** Answers name their issuer (RFC 9207), as from Doorkeeper 6.0. */
  readonly issuer: boolean;
  readonly status: 302 | 303;
}

export interface TokenHabits {
  readonly clientAuth: 'body' | 'either' | 'not both';
  /** The code itself is looked at. Where it is not, the app's last visitor gets the token. */
  readonly checksCode: boolean;
  /** A code that is missing, or one that was never issued, is refused before anyone asks who offers it. */
  readonly codeBeforeClient: 'missing' | 'unknown' | false;
  /** With a code, too, scopes are asked for, `read` where none are named; other families do not look. */
  readonly scopeWithCode: boolean;
  readonly pkce: boolean;
  readonly oneTime: boolean;
  /** Milliseconds. */
  readonly codeLifetime: number;
  /** client_credentials needs a redirect_uri, or is granted to anyone. */
  readonly credentials: 'plain' | 'redirect_uri' | 'anyone';
  readonly reuses: boolean;
  readonly refresh: boolean;
  readonly expiresIn: number | undefined;
  readonly appExpiresIn: number | undefined;
  readonly scope: boolean;
  /** Unit of `created_at` in answers to a code; all others are in seconds. */
  readonly createdAt: 's' | 'ms' | 'absent';
  readonly me: 'actor' | 'profile' | undefined;
  readonly revoke: 'client' | 'body client' | 'token' | 'app' | 'all of user' | 'absent';
}

export interface AccountHabits {
  readonly id: (index: number) => string | number;
  /** Paths below the origin. */
  readonly actor: (username: string, id: string | number, index: number) => string;
  readonly url: (username: string) => string;
  readonly uri: boolean;
  readonly pleroma: boolean;
  /** `Authorization: bearer` in lower case. */
  readonly lowerCaseBearer: 'accepted' | 'bad_token';
  readonly appsVerify: 'any token' | 'read' | 'absent' | 'forbidden';
  readonly userinfo: boolean;
}

export interface Persona {
  readonly name: string;
  readonly software: { readonly name: string; readonly version: string };
  /** `version` of the instance answers. */
  readonly apiVersion: string;
  readonly instance: {
    readonly v2: boolean;
    readonly uri: 'domain' | 'origin';
    readonly accountDomain: boolean;
  };
  /** Version and path of each NodeInfo document, and paths that lead elsewhere. */
  readonly nodeinfo: readonly (readonly [version: string, path: string])[];
  readonly nodeinfoMoved: readonly (readonly [from: string, to: string])[];
  readonly hostMeta: 'own origin' | 'always https' | 'absent';
  /** RFC 8414 document. */
  readonly metadata: ((origin: string, scopes: readonly string[]) => object) | undefined;
  /** 418 to a request without User-Agent, 406 to one that wants HTML from the API. */
  readonly picky: boolean;
  /** Closes kept-alive connections without saying so. */
  readonly hangsUp: boolean;
  readonly apps: AppHabits;
  readonly scopes: ScopeHabits;
  readonly authorize: AuthorizeHabits;
  readonly token: TokenHabits;
  readonly accounts: AccountHabits;
  readonly replies: Replies;
}

/** Changes to a persona: whole values, or some habits of a section. */
export type Habits = {
  readonly [Part in keyof Persona]?: Persona[Part] extends
    ((...args: never[]) => unknown) | undefined | readonly unknown[] | string | boolean
    ? Persona[Part]
    : Partial<Persona[Part]>;
};

export function variant(base: Persona, habits: Habits): Persona {
  const changed = Object.entries(habits).map(([part, value]) => {
    const before: unknown = base[part as keyof Persona];
    return [part, isSection(value) && isSection(before) ? { ...before, ...value } : value];
  });
  return { ...base, ...(Object.fromEntries(changed) as Partial<Persona>) };
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
