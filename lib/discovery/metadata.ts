/** Reads authorization server metadata (RFC 8414). It is valid only for its own origin. */

import { MastodonError } from '../errors.js';
import type { JsonObject } from '../http/answer.js';
import type { Instance } from '../options.js';
import { isOn, parsedURL } from '../util/url.js';

/** The members of an instance that its metadata states. Without registration, clients are identified by a URL. */
export type Metadata = Pick<
  Instance,
  | 'issuer'
  | 'authorizationEndpoint'
  | 'tokenEndpoint'
  | 'registrationEndpoint'
  | 'revocationEndpoint'
  | 'promisesIssuer'
  | 'scopesSupported'
>;

/**
 * Reads a metadata document. The issuer and all endpoints must be on `origin`. Otherwise an instance could name the
 * token endpoint of another server, and receive codes or secrets of that server (mix-up, RFC 9700, section 4.4).
 *
 * A document about another product is ignored, and the server counts as one without metadata.
 * @returns `undefined` for such a document
 * @throws MastodonError `instance_insecure`, or `response_invalid` if a required member is missing
 */
export function readMetadata(document: JsonObject, origin: string): Metadata | undefined {
  const { issuer, authorization_endpoint: authorizationEndpoint, token_endpoint: tokenEndpoint } = document;
  // The first is Mastodon's own member: POST /api/v1/apps, not RFC 7591.
  const { app_registration_endpoint: registrationEndpoint, revocation_endpoint: revocationEndpoint } =
    document;
  const isIssuer = issuer === origin || issuer === `${origin}/`;
  const isForeignIssuer = typeof issuer === 'string' && !isIssuer && !isBelow(issuer, origin);
  const foreign = isForeignIssuer ? 'issuer' : foreignEndpoint(document, origin);
  if (foreign !== undefined) {
    if (namedOrigin(document, origin) !== undefined || isPlainHTTP(document, origin)) return undefined;
    throw new MastodonError('instance_insecure', {
      instance: new URL(origin).host,
      cause: `the metadata's ${foreign} is not on the instance's own origin`,
    });
  }
  // All Mastodon servers state how clients are identified. A document without that belongs to another product, whose
  // authorization page must not receive visitors. So does a document whose issuer is a path of this host. Registration
  // takes precedence over client metadata: it needs no request to this site, and gives a secret.
  if (typeof registrationEndpoint !== 'string' && !readsDocuments(document, origin)) return undefined;
  if (typeof issuer !== 'string') throw lacks('issuer', origin);
  if (!isIssuer) return undefined;
  if (typeof authorizationEndpoint !== 'string') throw lacks('authorization_endpoint', origin);
  if (typeof tokenEndpoint !== 'string') throw lacks('token_endpoint', origin);
  const scopes = document.scopes_supported;
  return {
    ...{ issuer: origin, authorizationEndpoint, tokenEndpoint },
    ...(typeof registrationEndpoint === 'string' && { registrationEndpoint }),
    ...(typeof revocationEndpoint === 'string' && { revocationEndpoint }),
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
 * uses the first name, if the metadata of that origin is the same.
 */
export function namedOrigin(document: JsonObject, origin: string): string | undefined {
  const { issuer } = document;
  const url = typeof issuer === 'string' ? parsedURL(issuer) : undefined;
  if (!url || url.host === new URL(origin).host) return undefined;
  const isOrigin = issuer === url.origin || issuer === `${url.origin}/`;
  return isOrigin && isWhollyOn(document, url.origin, origin) ? url.origin : undefined;
}

/** Whether a server behind a TLS proxy writes `http://` in all URLs. */
function isPlainHTTP(document: JsonObject, origin: string): boolean {
  const { issuer } = document;
  const plain = origin.replace(/^https:/, 'http:');
  const isIssuer = [plain, origin].some((one) => issuer === one || isBelow(issuer, one));
  return isIssuer && isWhollyOn(document, plain, origin);
}

/** Whether there are endpoints, and all of them are on `other` and not on `origin`. */
function isWhollyOn(document: JsonObject, other: string, origin: string): boolean {
  const isOwn = foreignEndpoint(document, origin) === undefined;
  return !isOwn && foreignEndpoint(document, other) === undefined;
}

/** The name of the first endpoint that is not on this origin. */
function foreignEndpoint(document: JsonObject, origin: string): string | undefined {
  for (const [name, value] of Object.entries(document)) {
    if (!name.endsWith('_endpoint') || value === null || value === undefined) continue;
    if (!isOn(origin, value)) return name;
  }
  return undefined;
}

/** Whether an issuer is a path of the origin, in the same spelling. */
function isBelow(issuer: unknown, origin: string): boolean {
  return isOn(origin, issuer) && issuer.startsWith(`${origin}/`) && issuer[origin.length + 1] !== '/';
}

function lacks(name: string, origin: string): MastodonError {
  const instance = new URL(origin).host;
  return new MastodonError('response_invalid', { instance, cause: `the metadata has no ${name}` });
}
