/** Which redirect URIs a client without registration may have, and how the pages name their destinations. */

import { parsedURL } from '../util/url.js';

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
