/** Builds the URL of the authorization request (RFC 6749, section 4.1.1; RFC 7636, section 4.3). */

import { needsForcedLogin } from '../discovery/software.js';
import type { Instance, BeginOptions } from '../options.js';
import { digest } from '../util/digest.js';
import type { Transaction } from './transactions.js';

/** @param extra further parameters; they cannot replace those of the protocol */
export function authorizationURL(
  instance: Instance,
  login: Transaction,
  state: string,
  { forceLogin, lang }: BeginOptions,
  extra: Readonly<Record<string, unknown>> = {},
): string {
  const isForced = forceLogin === true || needsForcedLogin(instance.software);
  const own = {
    ...(isForced && { force_login: 'true' }),
    ...(lang !== undefined && { lang: String(lang) }),
    response_type: 'code',
    client_id: login.clientId,
    redirect_uri: login.redirectURI,
    scope: login.scope,
    state,
    code_challenge: digest(login.codeVerifier),
    code_challenge_method: 'S256',
  };
  const url = new URL(instance.authorizationEndpoint);
  for (const [name, value] of Object.entries({ ...extra, ...own })) {
    url.searchParams.delete(name);
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values)
      if (one !== undefined && one !== null) url.searchParams.append(name, String(one));
  }
  return url.href;
}
