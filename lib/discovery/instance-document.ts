/** Creates an instance from the discovery documents of a host. */

import { MastodonError, type MastodonErrorCode, type MastodonErrorDetails } from '../errors.js';
import { isChallenge, jsonObject, jsonObjectOrNone, type JsonObject } from '../http/answer.js';
import type { Answer } from '../http/request.js';
import type { Instance } from '../options.js';
import { bindsCodes, readMetadata, type Metadata } from './metadata.js';
import { isOn, parsedURL } from '../util/url.js';
import { otherSoftware, singleUseApps, softwareOf, speaksMisskey } from './software.js';

export interface InstanceDocuments {
  readonly origin: string;
  /** Response of /api/v1/instance, or of /api/v2/instance if the first failed. */
  readonly instance: Answer;
  readonly metadata: JsonObject | undefined;
  readonly nodeInfo: JsonObject | undefined;
}

/**
 * Creates the instance of a host from its documents.
 * @param takesURLClients whether this site has a `clientMetadataURL`, for servers without registration
 * @throws MastodonError `instance_unsupported`, `instance_insecure`, `instance_blocked`, `instance_unreachable` or
 *   `response_invalid`
 */
export function readInstance(documents: InstanceDocuments, takesURLClients: boolean): Instance {
  const { origin } = documents;
  const { host } = new URL(origin);
  const metadata = documents.metadata && readMetadata(documents.metadata, origin);
  const byURL = takesURLClients ? readMisskey(documents) : undefined;
  if (byURL) return byURL;
  const about = readAbout(documents, metadata, host, takesURLClients);
  const software = softwareOf(documents.nodeInfo, about.version);
  if (singleUseApps.has(software)) {
    throw new MastodonError('instance_unsupported', {
      instance: host,
      cause: `apps of ${software} serve a single login`,
      reason: 'single_use_apps',
    });
  }
  const accountDomain = accountDomainOf(about.account_domain) ?? accountDomainOf(about.uri);
  const knowsClientsByURL = takesURLClients && metadata && metadata.registrationEndpoint === undefined;
  return {
    ...{ origin, host, issuer: origin, promisesIssuer: false },
    authorizationEndpoint: `${origin}/oauth/authorize`,
    tokenEndpoint: `${origin}/oauth/token`,
    revocationEndpoint: `${origin}/oauth/revoke`,
    ...(knowsClientsByURL ? { clientMetadata: 'json' } : { registrationEndpoint: `${origin}/api/v1/apps` }),
    ...metadata,
    ...(software !== undefined && { software }),
    ...(accountDomain !== undefined && { accountDomain }),
  };
}

/** Reads /api/v1/instance. Returns an empty object if it is not public, and other documents show a supported server. */
function readAbout(
  documents: InstanceDocuments,
  metadata: Metadata | undefined,
  instance: string,
  takesURLClients: boolean,
): JsonObject {
  const { status, contentType } = documents.instance;
  const refused = (code: MastodonErrorCode, details: MastodonErrorDetails = {}) =>
    new MastodonError(code, {
      instance,
      cause: `/api/v1/instance answered ${status} without an instance`,
      ...details,
    });
  if (isChallenge(documents.instance)) throw refused('instance_blocked');
  if (status === 429) throw refused('instance_unreachable', { reason: 'server_busy' });
  if (status >= 500) throw refused('instance_unreachable', { reason: 'server_error' });
  if (status === 200 && /json/i.test(contentType)) {
    const about = jsonObject(documents.instance);
    if (isAbout(about)) return about;
  }
  // Mastodon in limited federation mode answers 401 here.
  const closed = (status === 401 || status === 403) && jsonObjectOrNone(documents.instance) !== undefined;
  if (metadata?.registrationEndpoint !== undefined || (closed && documents.nodeInfo)) return {};
  throw refused('instance_unsupported', unsupportedReason(documents, takesURLClients));
}

/** The reason and software for a host without an instance document. */
function unsupportedReason(documents: InstanceDocuments, takesURLClients: boolean): MastodonErrorDetails {
  const name = softwareOf(documents.nodeInfo, undefined);
  const software = otherSoftware(name);
  if (software !== undefined) return { reason: 'other_software', software };
  if (singleUseApps.has(name)) return { reason: 'single_use_apps' };
  return isMisskey(documents) ? { reason: takesURLClients ? 'misskey_too_old' : 'speaks_misskey' } : {};
}

/** A Misskey fork that identifies clients by URL. Sharkey and Firefish have a document of the same form. */
function readMisskey(documents: InstanceDocuments): Instance | undefined {
  const software = softwareOf(documents.nodeInfo, undefined);
  const { status } = documents.instance;
  // A server with an instance document has the Mastodon API. A busy or failing server may have one.
  const hasNoInstance = status >= 400 && status < 500 && status !== 429;
  if (!hasNoInstance || !isMisskey(documents) || singleUseApps.has(software)) return undefined;
  const server = readURLClientServer(documents.metadata, documents.origin);
  return server && { ...server, api: 'misskey', ...(software !== undefined && { software }) };
}

/**
 * Creates the instance of a server without registration from its metadata (RFC 8414).
 * @returns `undefined` for the metadata of another server
 */
export function readURLClientServer(document: JsonObject | undefined, origin: string): Instance | undefined {
  if (document === undefined) return undefined;
  const { issuer, authorization_endpoint: authorizationEndpoint, token_endpoint: tokenEndpoint } = document;
  if (issuer !== origin && issuer !== `${origin}/`) return undefined;
  if (!isOn(origin, authorizationEndpoint) || !isOn(origin, tokenEndpoint)) return undefined;
  const { registration_endpoint: standard, app_registration_endpoint: ofMastodon } = document;
  if (standard !== undefined || ofMastodon !== undefined || !bindsCodes(document)) return undefined;
  const { host } = new URL(origin);
  return {
    ...{ origin, host, authorizationEndpoint, tokenEndpoint },
    ...{ issuer: origin, promisesIssuer: true, clientMetadata: 'html' },
  };
}

function isMisskey({ nodeInfo, instance }: InstanceDocuments): boolean {
  return speaksMisskey(softwareOf(nodeInfo, undefined), jsonObjectOrNone(instance));
}

/** Whether a document describes an instance, in the format of v1 or v2. */
export function isAbout(document: JsonObject | undefined): boolean {
  const { uri, domain, version } = document ?? {};
  return typeof uri === 'string' || typeof domain === 'string' || typeof version === 'string';
}

/** The document, if it was found at the origin itself. */
export function documentOn(origin: string, answer: Answer | undefined): JsonObject | undefined {
  return answer?.status === 200 && answer.url.origin === origin ? jsonObjectOrNone(answer) : undefined;
}

/** Mastodon reports a domain; Akkoma and GoToSocial report a URL. */
function accountDomainOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 300) return undefined;
  const text = /^https?:\/\//i.test(value) ? value : `https://${value}`;
  return parsedURL(text)?.host;
}
