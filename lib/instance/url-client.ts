/** Servers that register nobody: a client is known there by a URL of its own, whose document the server fetches. */

import type { JsonObject } from '../net/json.js';
import type { Instance } from '../options.js';
import { isOn, withoutSlash } from './metadata.js';

/**
 * What this site is known by at one instance; each has a URL of its own, so that each has a redirect URI of its own. In
 * the form that servers turn it into, as some compare it before they do so.
 */
export function clientIdAt(clientURL: string, host: string): string {
  return new URL(`${clientURL}/${host}`).href;
}

/**
 * What a metadata document (RFC 8414) says of such a server. There is no secret, so whose code it is rests on PKCE, and
 * which server an answer came from on its issuer (RFC 9207): without a promise of both nobody is sent there.
 * @returns `undefined` for any other document
 */
export function readURLClientServer(document: JsonObject | undefined, origin: string): Instance | undefined {
  const {
    issuer,
    authorization_endpoint: authorizationEndpoint,
    token_endpoint: tokenEndpoint,
  } = document ?? {};
  if (typeof issuer !== 'string' || withoutSlash(issuer) !== origin) return undefined;
  if (!isOn(origin, authorizationEndpoint) || !isOn(origin, tokenEndpoint)) return undefined;
  const registers = ['registration_endpoint', 'app_registration_endpoint'].some(
    (name) => document?.[name] !== undefined,
  );
  const methods = document?.code_challenge_methods_supported;
  const hasPKCE = Array.isArray(methods) && methods.includes('S256');
  const promisesIssuer = document?.authorization_response_iss_parameter_supported === true;
  if (registers || !hasPKCE || !promisesIssuer) return undefined;
  const { host } = new URL(origin);
  return { origin, host, authorizationEndpoint, tokenEndpoint, issuer: origin, promisesIssuer };
}
