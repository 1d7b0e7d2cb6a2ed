/** Reads authorization server metadata (RFC 8414). It is valid only for its own origin. */

import { MastodonError } from '../errors.js';
import type { JsonObject } from '../http/answer.js';
import { isOn, parsedURL, withoutSlash } from '../util/url.js';

export interface Metadata {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /**
   * Mastodon's member `app_registration_endpoint`: POST /api/v1/apps, not RFC 7591. Absent only if clients are
   * identified by the URL of a document.
   */
  readonly registrationEndpoint?: string;
  readonly revocationEndpoint?: string;
  readonly promisesIssuer: boolean;
  readonly scopesSupported?: readonly string[];
}

/**
 * Reads a metadata document. The issuer and all endpoints must be on `origin`. Otherwise an instance could name the
 * token endpoint of another server, and receive codes or secrets of that server (mix-up, RFC 9700, section 4.4).
 *
 * A document about another product is ignored, and the server counts as one without metadata.
 * @returns `undefined` for such a document
 * @throws MastodonError `instance_insecure`, or `response_invalid` if a required member is missing
 */
export function readMetadata(document: JsonObject, origin: string): Metadata | undefined {
  if (namedOrigin(document, origin) !== undefined || isPlainHTTP(document, origin)) return undefined;
  const { issuer } = document;
  if (typeof issuer === 'string' && !isIssuer(issuer, origin)) throw foreign('issuer', origin);
  for (const [name, value] of endpointsOf(document)) {
    if (!isOn(origin, value)) throw foreign(name, origin);
  }
  // All Mastodon servers state how clients are identified. A document without that belongs to another product, whose
  // authorization page must not receive visitors. So does a document whose issuer is a path of this host. Registration
  // takes precedence over client metadata: it needs no request to this site, and gives a secret.
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
      // Stored with every pending login, so its length is limited.
      scopesSupported: scopes
        .filter((scope): scope is string => typeof scope === 'string' && scope.length < 64)
        .slice(0, 100),
    }),
  };
}

/**
 * Whether a server supports clients without a secret. They depend on PKCE for the code, and on the issuer for the
 * origin of the response (RFC 9207). The metadata must promise both.
 */
export function bindsCodes(document: JsonObject): boolean {
  const methods = document.code_challenge_methods_supported;
  const hasPKCE = Array.isArray(methods) && methods.includes('S256');
  return hasPKCE && document.authorization_response_iss_parameter_supported === true;
}

/**
 * Whether the server accepts Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document, section 6).
 * Planned for Mastodon (mastodon/mastodon#31151). Other products at the same path and host support it today, so
 * Mastodon's own pages and scopes are required.
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
 * The origin that a document describes, if it was found at another one. The server then has a second name. The login
 * uses the first name, if that origin describes itself alike.
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

/** Whether a server behind a TLS proxy writes `http://` in all URLs. */
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

/** Whether an issuer is the origin, or a product at one of its paths, in the same spelling. */
function isIssuer(issuer: string, origin: string): boolean {
  if (withoutSlash(issuer) === origin) return true;
  return issuer.startsWith(`${origin}/`) && issuer[origin.length + 1] !== '/' && isOn(origin, issuer);
}

function requiredText(document: JsonObject, name: string, origin: string): string {
  const value = document[name];
  if (typeof value === 'string') return value;
  throw new MastodonError('response_invalid', {
    instance: new URL(origin).host,
    cause: `the metadata has no ${name}`,
  });
}

function foreign(name: string, origin: string): MastodonError {
  return new MastodonError('instance_insecure', {
    instance: new URL(origin).host,
    cause: `the metadata's ${name} is not on the instance's own origin`,
  });
}
