/** Where a browser is sent to log in: the authorization request (RFC 6749, section 4.1.1; RFC 7636, section 4.3). */

import { stringify, type ParsedUrlQueryInput } from 'node:querystring';
import { needsForcedLogin } from '../discovery/software.js';
import type { BeginOptions, Instance, LoginTransaction } from '../options.js';
import { digest } from '../util/digest.js';

/** Has no query yet, and nothing that has to be written otherwise in a header. */
const plainURL = /^https?:\/\/[a-z0-9.:-]+\/[\w/.~-]*$/;

/** @param extra further parameters; none of the protocol's own can be changed by them */
export function authorizationURL(
  instance: Instance,
  login: LoginTransaction,
  state: string,
  { forceLogin, lang }: BeginOptions,
  extra?: Readonly<Record<string, unknown>> | null,
): string {
  const { authorizationEndpoint, software } = instance;
  const own =
    (forceLogin === true || needsForcedLogin(software) ? 'force_login=true&' : '') +
    (lang === undefined ? '' : `lang=${encodeURIComponent(String(lang))}&`) +
    `response_type=code&client_id=${encodeURIComponent(login.clientId)}` +
    `&redirect_uri=${encodeURIComponent(login.redirectURI)}&scope=${encodeURIComponent(login.scope)}` +
    `&state=${state}&code_challenge=${digest(login.codeVerifier)}&code_challenge_method=S256`;
  const query = extra && Object.keys(extra).length > 0 ? withOthers(own, extra) : own;
  if (plainURL.test(authorizationEndpoint)) return `${authorizationEndpoint}?${query}`;
  const url = new URL(authorizationEndpoint);
  if (url.search === '') return `${url.href}?${query}`;
  const ours = new URLSearchParams(query);
  for (const name of ours.keys()) url.searchParams.delete(name);
  for (const [name, value] of ours) url.searchParams.append(name, value);
  return url.href;
}

/** @param own the query of the protocol's own parameters */
function withOthers(own: string, extra: Readonly<Record<string, unknown>>): string {
  const taken = new URLSearchParams(own);
  const others = Object.entries(extra).filter(
    ([name, value]) => value !== undefined && value !== null && !taken.has(name),
  );
  const query = stringify(Object.fromEntries(others) as ParsedUrlQueryInput);
  return query === '' ? own : `${query}&${own}`;
}
