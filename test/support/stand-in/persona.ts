/** The table of differences between server families that matter to a login. */

import { pageReasons, replies, type Refusal } from '../../../lib/testing/refusals.js';
import type { Reply } from './server.js';

/** Most families answer a used code like an unknown one. */
export type Replies = Readonly<Partial<Record<Refusal | 'throttled', Reply>>>;

export interface ScopeHabits {
  readonly known: readonly string[];
  readonly unknownAtApps: 'refuse' | 'keep';
  /** How the scopes of a request are compared with the app's. */
  readonly compare: 'literally' | 'covers' | 'never';
  /** An unknown scope comes back to the callback as an error, without `state`. */
  readonly unknownRedirects: boolean;
  /** Any one of these reads the account; `undefined` means that every token does. */
  readonly reading: readonly string[] | undefined;
}

export interface AuthorizeHabits {
  /**
   * What the instance sends back without `force_login` for a visitor who is signed in: a code, a token, or a used
   * code.
   */
  readonly returning: 'code' | 'token' | 'used code';
  /** A visitor who denies returns to the site, or stays on a page of the instance. */
  readonly denial: 'with state' | 'without state' | 'own page';
  /** Responses name their issuer (RFC 9207), as from Doorkeeper 6.0. */
  readonly issuer: boolean;
}

export interface TokenHabits {
  /** False: the app's last visitor gets the token, whatever the code. */
  readonly checksCode: boolean;
  /** A code that is missing, or unknown, is refused before the client is authenticated. */
  readonly codeBeforeClient: 'missing' | 'unknown' | false;
  /** The token request contains scopes; without them, the scope is `read`. */
  readonly scopeWithCode: boolean;
  readonly pkce: boolean;
  readonly oneTime: boolean;
  readonly codeLifetimeMs: number;
  /** `any-client`: the client credentials grant accepts every client. */
  readonly credentials: 'plain' | 'any-client';
  /** The same app, account and scopes get the same token again. */
  readonly reuses: boolean;
  readonly refresh: boolean;
  readonly expiresIn: number | undefined;
  readonly scope: boolean;
  readonly createdAt: 's' | 'ms';
  readonly me: 'actor' | 'profile' | undefined;
  readonly revoke: 'client' | 'token' | 'app' | 'all of user' | 'absent';
}

export interface AccountHabits {
  readonly id: (index: number) => string | number;
  /** Paths below the origin. */
  readonly actor: (username: string, id: string | number, index: number) => string;
  readonly url: (username: string) => string;
  readonly uri: boolean;
  readonly pleroma: boolean;
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
  /** Version and path of each NodeInfo document. */
  readonly nodeinfo: readonly (readonly [version: string, path: string])[];
  readonly hostMeta: 'own origin' | 'always https' | 'absent';
  /** RFC 8414 document. */
  readonly metadata: ((origin: string, scopes: readonly string[]) => object) | undefined;
  /** Closes kept-alive connections without announcing it. */
  readonly hangsUp: boolean;
  readonly apps: {
    /** Registrations of one address in that many milliseconds, enforced only if a test asks for it. */
    readonly throttle: { readonly count: number; readonly windowMs: number };
    /** An app serves one login session, and its client ID is the URL of that session. */
    readonly singleUse: boolean;
  };
  readonly scopes: ScopeHabits;
  readonly authorize: AuthorizeHabits;
  readonly token: TokenHabits;
  readonly accounts: AccountHabits;
  readonly replies: Replies;
}

/** Changes to a persona: whole values, or single properties of a section. */
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

/** The family's answer to a refusal; Mastodon's if the family has none of its own. */
export function replyTo({ replies: own }: Persona, refusal: Refusal): Reply {
  const reply = own[refusal] ?? (refusal === 'spent_code' ? own.wrong_code : undefined);
  if (reply) return reply;
  if (refusal === 'not_found') return [404, ''];
  if (Object.hasOwn(pageReasons, refusal)) return [400, ''];
  return replies[refusal as keyof typeof replies];
}
