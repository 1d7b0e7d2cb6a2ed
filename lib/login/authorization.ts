/** Where a browser is sent to log in: the authorization request (RFC 6749, section 4.1.1; RFC 7636, section 4.3). */

import { stringify } from 'node:querystring';
import { needsForcedLogin } from '../instance/software.js';
import type { BeginOptions, Instance, LoginTransaction } from '../options.js';
import { digest } from '../digest.js';

/** @param extra further parameters; none of the protocol's own can be changed by them */
export function authorizationURL(
  instance: Instance,
  login: LoginTransaction,
  state: string,
  { forceLogin, lang }: BeginOptions,
  extra: Readonly<Record<string, string>> = {},
): string {
  const params = {
    ...extra,
    ...((forceLogin === true || needsForcedLogin(instance.software)) && { force_login: 'true' }),
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
  if (url.search === '') return `${url.href}?${stringify(params)}`;
  const query = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(params)) query.set(name, value);
  url.search = query.toString();
  return url.href;
}
