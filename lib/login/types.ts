/** Parameters and results of `MastodonLogin`. */

import type { Instance } from '../options.js';
import type { MastodonProfile } from './profile.js';
import type { Tokens } from './exchange.js';

export interface Begun {
  /** URL to which the browser is redirected (302). */
  readonly redirect: string;
  readonly instance: Instance;
}

export interface Finished extends Tokens {
  readonly profile: MastodonProfile;
  /** The application's state that was passed to `begin`. */
  readonly state: unknown;
}

/** A finished login with the members that adapters need. */
export interface FinishedWithScope extends Finished {
  /** The scope that was requested; the server may have granted another. */
  readonly askedScope: string;
  /** Revokes the token in the background. */
  readonly revoke: () => void;
}

/** What an adapter adds to a login. */
export interface Extras {
  /** Called with the application's state before any request. False ends the login as `login_expired`. */
  readonly isWanted?: (applicationState: unknown) => Promise<boolean>;
  /** Further parameters of the authorization request. They cannot replace those of the protocol. */
  readonly authorization?: Readonly<Record<string, string>>;
  /** Further parameters of the token request. They cannot replace those of the protocol. */
  readonly token?: Readonly<Record<string, string>>;
}
