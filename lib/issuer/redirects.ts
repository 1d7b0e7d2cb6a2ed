/** What may be said of a client's redirect URI: to the visitor, to the browser's form policy, and of a stranger's. */

import { parsedURL } from '../util/url.js';

/** Where the visitor ends up, in words: a host, or something on their own device. */
export function leadsTo(redirectURI: unknown): string | undefined {
  const url = parsed(redirectURI);
  if (!url) return undefined;
  if (isLoopback(url)) return `a program on this device (${url.host})`;
  return isWeb(url) ? url.host : `an app on this device (${url.protocol})`;
}

/** As a source of a content security policy's `form-action`, beside the issuer itself. */
export function formTarget(redirectURI: unknown): string[] {
  const url = parsed(redirectURI);
  if (!url) return [];
  // The URL parser lets characters through in a host that end a source; in a scheme there are none (URL Standard, 4.1).
  if (isWeb(url)) return /^[\w.:[\]-]+$/.test(url.host) ? [url.origin] : [];
  return [url.protocol];
}

/**
 * Whether a client that nobody here has looked at may have people sent there: to a host that proves its name, to a
 * program that listens on their own device, or to an app by a scheme that is a domain turned round (RFC 8252, section
 * 7.1). Schemes without a dot are the browser's and the system's own, and some of them do things.
 */
export function mayBeStrangers(redirectURI: string): boolean {
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
