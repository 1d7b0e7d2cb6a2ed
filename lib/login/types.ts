/** What adapters give to a login, and what they get from it. */

import type { Instance } from '../options.js';
import type { MastodonProfile } from './profile.js';
import type { Tokens } from './exchange.js';
import type { PendingLogins } from './transactions.js';

/** A browser: its secret key; several keys, of which the first begins logins; or its pending logins themselves. */
export type Browser = string | readonly string[] | PendingLogins;

export interface Begun {
  /** URL to which the browser is redirected (302). */
  readonly redirect: string;
  readonly instance: Instance;
}

export interface Finished extends Tokens {
  readonly profile: MastodonProfile;
  /** The application's own state, as it was given to `begin`. */
  readonly state: unknown;
}

/** For adapters: what they need beside the login. */
export interface FinishedWithScope extends Finished {
  /** The scope that was requested; the server may have granted another. */
  readonly askedScope: string;
  /** Ends the token, best effort and without waiting. */
  readonly revoke: () => void;
}

/** What an adapter may add to the requests of the protocol, and what it knows of the browser. */
export interface Extras {
  /** Asked with the application's state before any request of the second half; false ends the login as expired. */
  readonly isWanted?: (applicationState: unknown) => Promise<boolean>;
  /** Further parameters of the authorization request. They cannot replace those of the protocol. */
  readonly authorization?: Readonly<Record<string, string>>;
  /** Further parameters of the token request, likewise. */
  readonly token?: Readonly<Record<string, string>>;
  /** The browser's key was made for this start: the store has nothing of it. */
  readonly isNew?: boolean;
}
