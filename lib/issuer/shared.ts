/** What the parts of one issuer share. */

import type { MastodonLogin } from '../login/login.js';
import type { ClientAddress } from '../util/client-address.js';
import type { IssuerCookies } from './cookies.js';
import type { ClientDocuments } from './documents.js';
import type { Keyring } from './keys.js';
import type { AuthenticationLimit } from './limits.js';
import type { OIDC } from './oidc-provider.js';
import type { IssuerSettings } from './options.js';
import type { EndingName, IssuerStore } from './store.js';

export interface Shared {
  readonly oidc: OIDC;
  readonly settings: IssuerSettings;
  readonly login: MastodonLogin;
  readonly store: IssuerStore;
  readonly keyring: Keyring;
  readonly cookies: IssuerCookies;
  readonly documents: ClientDocuments;
  readonly authentication: AuthenticationLimit;
  /** The address of the visitor or program whose request is being answered. */
  readonly address: () => ClientAddress;
}

/**
 * The current generation; empty before the first end. A request reads it once. So what the request creates has the same generation
 * as what it was created for, and ends together with it, even if the end comes during the request.
 */
export function generationIn({ oidc, store }: Shared, name: EndingName): Promise<string> {
  const state = oidc.Provider.ctx?.state ?? {};
  const known = (state.generations ??= new Map()) as Map<string, Promise<string>>;
  const key = JSON.stringify(name);
  const generation = known.get(key) ?? store.generationOf(name);
  known.set(key, generation);
  return generation;
}
