/** Clients known by a URL of their own, whose document the server fetches: all that some servers know, and others take. */

import type { JsonObject } from '../http/json.js';
import type { Instance } from '../options.js';
import { bindsCodes, isOn } from '../discovery/metadata.js';
import { withoutSlash } from '../util/url.js';

/**
 * How a server reads what a client says of itself. `html`: IndieAuth before July 2024, which is all that many a Misskey
 * knows. `json`: draft-ietf-oauth-client-id-metadata-document. Nobody says in a request which it is, so the URL does.
 */
export type DocumentForm = 'html' | 'json';

/** No host ends so: there is no such top-level domain. */
const jsonEnding = '.json';

/**
 * What this site is known by at one instance; each has a URL of its own, so that each has a redirect URI of its own. In
 * the form that servers turn it into, as some compare it before they do so.
 */
export function clientIdAt(clientMetadataURL: string, host: string, form: DocumentForm): string {
  return new URL(`${clientMetadataURL}/${host}${form === 'json' ? jsonEnding : ''}`).href;
}

/** The instance and the form that the last segment of such a URL names. */
export function readSegment(segment: string): { host: string; form: DocumentForm } {
  return segment.endsWith(jsonEnding)
    ? { host: segment.slice(0, -jsonEnding.length), form: 'json' }
    : { host: segment, form: 'html' };
}

/**
 * What a metadata document (RFC 8414) says of a server that registers nobody.
 * @returns `undefined` for any other document
 */
export function readURLClientServer(document: JsonObject | undefined, origin: string): Instance | undefined {
  if (document === undefined) return undefined;
  const { issuer, authorization_endpoint: authorizationEndpoint, token_endpoint: tokenEndpoint } = document;
  if (typeof issuer !== 'string' || withoutSlash(issuer) !== origin) return undefined;
  if (!isOn(origin, authorizationEndpoint) || !isOn(origin, tokenEndpoint)) return undefined;
  const registers = ['registration_endpoint', 'app_registration_endpoint'].some(
    (name) => document[name] !== undefined,
  );
  if (registers || !bindsCodes(document)) return undefined;
  const { host } = new URL(origin);
  return {
    ...{ origin, host, authorizationEndpoint, tokenEndpoint },
    ...{ issuer: origin, promisesIssuer: true, clientMetadata: 'html' },
  };
}
