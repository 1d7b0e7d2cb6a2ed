/** What may be said of a client's redirect URI: to the visitor, and to the browser's form policy. */

import { canParse } from '../url.js';

/** The host that the visitor ends up at, or the scheme of an app on their device. */
export function leadsTo(redirectURI: unknown): string | undefined {
  const url = parsed(redirectURI);
  return url && (/^https?:$/.test(url.protocol) ? url.host : url.protocol);
}

/** As a source of a content security policy's `form-action`, beside the issuer itself. */
export function formTarget(redirectURI: unknown): string[] {
  const url = parsed(redirectURI);
  if (!url) return [];
  // A host there is one that the URL parser let through; an app's scheme has no host.
  if (/^https?:$/.test(url.protocol)) return /^[\w.:[\]-]+$/.test(url.host) ? [url.origin] : [];
  return /^[a-z][a-z\d+.-]*:$/.test(url.protocol) ? [url.protocol] : [];
}

function parsed(text: unknown): URL | undefined {
  return typeof text === 'string' && canParse(text) ? new URL(text) : undefined;
}
