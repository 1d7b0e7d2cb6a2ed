/** Judges an authorization server metadata document (RFC 8414): it may speak for its own origin only. */

import { MastodonError } from '../errors.js';
import type { JsonObject } from '../http/answer.js';
import { isOn, parsedURL, withoutSlash } from '../util/url.js';

export interface Metadata {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /**
   * Mastodon's name for it is `app_registration_endpoint`: POST /api/v1/apps, not RFC 7591. Absent only where a client is
   * known by the URL of a document about it instead.
   */
  readonly registrationEndpoint?: string;
  readonly revocationEndpoint?: string;
  readonly promisesIssuer: boolean;
  readonly scopesSupported?: readonly string[];
}

/**
 * An instance could name another server as its token endpoint and so be handed that server's codes and
 * ours its secrets (mix-up, RFC 9700 section 4.4). So the issuer and every endpoint must lie on `origin`.
 *
 * A document that is not about the Mastodon login of this origin is no metadata, and the server one without.
 * @returns `undefined` for such a document
 * @throws MastodonError `instance_insecure`, or `response_invalid` when a required member is missing.
 */
export function readMetadata(document: JsonObject, origin: string): Metadata | undefined {
  if (namedOrigin(document, origin) !== undefined || isPlainHTTP(document, origin)) return undefined;
  const { issuer } = document;
  if (typeof issuer === 'string' && !isIssuer(issuer, origin)) throw foreign('issuer', origin);
  for (const [name, value] of endpointsOf(document)) {
    if (!isOn(origin, value)) throw foreign(name, origin);
  }
  // No Mastodon server leaves out how sites get to be known: without it, it is another product's document, whose
  // authorize page must not get our visitors. So is one whose issuer is a part of this host.
  // Who does register sites is asked to: it need not reach this one for that, and gives a secret.
  const registrationEndpoint = document.app_registration_endpoint;
  if (typeof registrationEndpoint !== 'string' && !readsDocuments(document, origin)) return undefined;
  if (withoutSlash(requiredText(document, 'issuer', origin)) !== origin) return undefined;
  const scopes = document.scopes_supported;
  return {
    issuer: origin,
    authorizationEndpoint: requiredText(document, 'authorization_endpoint', origin),
    tokenEndpoint: requiredText(document, 'token_endpoint', origin),
    ...(typeof registrationEndpoint === 'string' && { registrationEndpoint }),
    ...(typeof document.revocation_endpoint === 'string' && {
      revocationEndpoint: document.revocation_endpoint,
    }),
    promisesIssuer: document.authorization_response_iss_parameter_supported === true,
    ...(Array.isArray(scopes) && {
      // Kept with every login that is begun, so it must not be long.
      scopesSupported: scopes
        .filter((scope): scope is string => typeof scope === 'string' && scope.length < 64)
        .slice(0, 100),
    }),
  };
}

/**
 * Whether a server has what a client without a secret needs. Whose code it is rests on PKCE then, and which server an
 * answer came from on its issuer (RFC 9207): both have to be promised.
 */
export function bindsCodes(document: JsonObject): boolean {
  const methods = document.code_challenge_methods_supported;
  const hasPKCE = Array.isArray(methods) && methods.includes('S256');
  return hasPKCE && document.authorization_response_iss_parameter_supported === true;
}

/**
 * draft-ietf-oauth-client-id-metadata-document, section 6; planned for Mastodon (mastodon/mastodon#31151). Other products
 * that share the path, and the host, do so today: it must be about Mastodon's own pages and scopes.
 */
function readsDocuments(document: JsonObject, origin: string): boolean {
  const { authorization_endpoint: authorize, token_endpoint: token, scopes_supported: scopes } = document;
  return (
    document.client_id_metadata_document_supported === true &&
    bindsCodes(document) &&
    authorize === `${origin}/oauth/authorize` &&
    token === `${origin}/oauth/token` &&
    Array.isArray(scopes) &&
    ['read', 'profile'].every((scope) => scopes.includes(scope))
  );
}

/**
 * The origin that a document is about from end to end, where that is not the one it was found at: a server under a
 * second name. Its login is to be had under the first one, if that says the same of itself.
 */
export function namedOrigin(document: JsonObject, origin: string): string | undefined {
  const { issuer } = document;
  const url = typeof issuer === 'string' ? parsedURL(issuer) : undefined;
  if (!url || url.host === new URL(origin).host || withoutSlash(String(issuer)) !== url.origin)
    return undefined;
  const named = url.origin;
  const endpoints = endpointsOf(document);
  return endpoints.length > 0 && endpoints.every(([, value]) => isOn(named, value)) ? named : undefined;
}

/** A server behind a proxy that ends https, which does not know it and writes `http://` everywhere. */
function isPlainHTTP(document: JsonObject, origin: string): boolean {
  if (!origin.startsWith('https:')) return false;
  const plain = origin.replace('https:', 'http:');
  const { issuer } = document;
  const endpoints = endpointsOf(document);
  return (
    typeof issuer === 'string' &&
    (isIssuer(issuer, plain) || isIssuer(issuer, origin)) &&
    endpoints.length > 0 &&
    endpoints.every(([, value]) => isOn(plain, value))
  );
}

function endpointsOf(document: JsonObject): Array<[string, unknown]> {
  return Object.entries(document).filter(
    ([name, value]) => name.endsWith('_endpoint') && value !== null && value !== undefined,
  );
}

/** Of the origin itself, or of a product below one of its paths; spelt as the origin is. */
function isIssuer(issuer: string, origin: string): boolean {
  if (withoutSlash(issuer) === origin) return true;
  return issuer.startsWith(`${origin}/`) && issuer[origin.length + 1] !== '/' && isOn(origin, issuer);
}

function requiredText(document: JsonObject, name: string, origin: string): string {
  const value = document[name];
  if (typeof value === 'string') return value;
  throw new MastodonError('response_invalid', {
    instance: new URL(origin).host,
    cause: new Error(`the metadata has no ${name}`),
  });
}

function foreign(name: string, origin: string): MastodonError {
  return new MastodonError('instance_insecure', {
    instance: new URL(origin).host,
    cause: new Error(`the metadata's ${name} is not on the instance's own origin`),
  });
}
