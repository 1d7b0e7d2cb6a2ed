/** What visitors see of a client, and where a client may have people sent. */

import { parsedURL } from '../util/url.js';

export interface ClientName {
  /** The name that the operator gave it; for a client with a metadata document the document's host, which it cannot choose. */
  readonly name: string;
  /** What a metadata document calls its client, which may be anything. */
  readonly claim?: string;
}

/** Longer names, and characters that turn the text around them, would make a page say something else. */
const longestName = 80;

interface Named {
  readonly clientId: string;
  readonly clientName?: string | undefined;
  /** Set for clients with a metadata document. */
  readonly clientIdMetadataDocument?: boolean;
}

/** Whether the client's ID is the URL of its metadata document: the operator does not know it. */
export function isUnknown(client: object): boolean {
  return (client as Named).clientIdMetadataDocument === true;
}

export function clientNameOf(client: object): ClientName {
  const { clientId, clientName } = client as Named;
  const name = plain(clientName ?? '');
  if (!isUnknown(client)) return { name: name === '' ? clientId : name };
  return { name: new URL(clientId).host, ...(name !== '' && { claim: name }) };
}

function plain(name: string): string {
  return name
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .slice(0, longestName)
    .trim();
}

/** Where the visitor ends up, in words: a host, or something on their own device. */
export function leadsTo(redirectURI: unknown): string | undefined {
  const url = parsed(redirectURI);
  if (!url) return undefined;
  if (isLoopback(url)) return `a program on this device (${url.host})`;
  return isWeb(url) ? url.host : `an app on this device (${url.protocol})`;
}

/**
 * Whether a client that the operator does not know may have people sent there: to a host that proves its name, to a program
 * that listens on their own device, or to an app by a scheme that is a domain turned round (RFC 8252, section 7.1). Schemes
 * without a dot are the browser's and the system's own.
 */
export function isSafeRedirect(redirectURI: string): boolean {
  const url = parsed(redirectURI);
  if (!url || url.username !== '' || url.password !== '') return false;
  if (isWeb(url)) return url.protocol === 'https:' || isLoopback(url);
  return /^[a-z][a-z\d-]*(\.[a-z\d-]+)+:$/.test(url.protocol);
}

function isWeb({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'http:';
}

function isLoopback(url: URL): boolean {
  return isWeb(url) && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
}

function parsed(text: unknown): URL | undefined {
  return typeof text === 'string' ? parsedURL(text) : undefined;
}
