/** What a door gives to the login, and what it gets from it. */

import type { Instance, LoginOptions } from '../options.js';
import type { BrowserLogins } from './begun-logins.js';
import type { MastodonProfile } from './profile.js';
import type { Tokens } from './token.js';

/** A browser: its secret key; several keys, where a door gives it one for each purpose; or its logins themselves. */
export type Browser = string | readonly string[] | BrowserLogins;

/**
 * Where a door that answers for itself is called back, and where it says what it is. Servers fetch that, and only over https.
 * @param ownURL without a slash at its end
 */
export function addressesBelow(ownURL: string): Pick<LoginOptions, 'callbackURL' | 'clientMetadataURL'> {
  const clientMetadataURL = ownURL.startsWith('https:') ? `${ownURL}/client` : undefined;
  return { callbackURL: `${ownURL}/callback`, clientMetadataURL };
}

export interface Begun {
  /** Where the browser is sent. */
  readonly redirect: string;
  readonly instance: Instance;
}

export interface Finished extends Tokens {
  readonly profile: MastodonProfile;
  /** The application's own state, as it was given to `begin`. */
  readonly state: unknown;
}

export interface FinishedWithScope extends Finished {
  /** As it was asked for; what was granted is the server's to tell. */
  readonly askedScope: string;
  /** Ends the token, best effort and without waiting. */
  readonly revoke: () => void;
}

/** What a door may add to the requests of the protocol, and what it needs beside the login. */
export interface Extras {
  /** Asked with the application's state before anything is sent for an answer; false ends the login as expired. */
  readonly isWanted?: (applicationState: unknown) => Promise<boolean>;
  /** Further parameters of the authorization request; none of the protocol's own can be changed by them. */
  readonly authorization?: Readonly<Record<string, string>>;
  /** Further parameters of the token request, likewise. */
  readonly token?: Readonly<Record<string, string>>;
  /** The browser's key was made for this start: nothing can be known of the browser yet, and the store is not asked. */
  readonly isNew?: boolean;
}
