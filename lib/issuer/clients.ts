/** The name of a client on our pages, and the redirect URIs that a client without registration may have. */

import { parsedURL } from '../util/url.js';

export interface ClientName {
  /** As the operator has set it; for a client with a metadata document the host of the document. */
  readonly name: string;
  /** `client_name` of a metadata document, which is not verified. */
  readonly claim?: string;
}

const longestName = 80;

interface Named {
  readonly clientId: string;
  readonly clientName?: string | undefined;
  /** Set for clients with a metadata document. */
  readonly clientIdMetadataDocument?: boolean;
}

/** Whether the operator has not registered the client: its ID is the URL of its metadata document. */
export function isUnknown(client: object): boolean {
  return (client as Named).clientIdMetadataDocument === true;
}

export function clientNameOf(client: object): ClientName {
  const { clientId, clientName } = client as Named;
  const name = safeName(clientName ?? '');
  if (!isUnknown(client)) return { name: name === '' ? clientId : name };
  return { name: new URL(clientId).host, ...(name !== '' && { claim: name }) };
}

/** Without characters that change the direction of the text around them. */
function safeName(name: string): string {
  return name
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .slice(0, longestName)
    .trim();
}

/** The destination of a redirect URI, as shown to the visitor: a host, or a program or app on their device. */
export function redirectDestination(redirectURI: unknown): string | undefined {
  const url = parsed(redirectURI);
  if (!url) return undefined;
  if (isLoopbackURL(url)) return `a program on this device (${url.host})`;
  return isWeb(url) ? url.host : `an app on this device (${url.protocol})`;
}

/**
 * Whether a client without registration may have this redirect URI: https, a program on the visitor's device, or an app by a
 * scheme that is a reversed domain (RFC 8252, section 7.1). Schemes without a dot belong to browsers and systems.
 */
export function isSafeRedirect(redirectURI: string): boolean {
  const url = parsed(redirectURI);
  if (!url || url.username !== '' || url.password !== '') return false;
  if (isWeb(url)) return url.protocol === 'https:' || isLoopbackURL(url);
  return /^[a-z][a-z\d-]*(\.[a-z\d-]+)+:$/.test(url.protocol);
}

function isWeb({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'http:';
}

function isLoopbackURL(url: URL): boolean {
  return isWeb(url) && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
}

function parsed(text: unknown): URL | undefined {
  return typeof text === 'string' ? parsedURL(text) : undefined;
}
