/** Parses and builds URLs. */

/**
 * The parsed URL, or `undefined` if the text is not a URL. Use it in place of `URL.canParse`: in Node.js 20 that function
 * returns wrong results for some non-ASCII texts after many calls.
 */
export function parsedURL(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/** Whether a value is a URL of at most 512 characters on this origin, without credentials and fragment. */
export function isOn(origin: string, value: unknown): value is string {
  // The parser removes or encodes spaces and control characters, which changes the URL.
  if (typeof value !== 'string' || value.length > 512 || /[\0-\x20\x7f-\x9f]/.test(value)) return false;
  const url = parsedURL(value);
  return url?.origin === origin && url.username === '' && url.password === '' && url.hash === '';
}

/**
 * Whether a text is a host of a web URL: an ASCII name or an address, with or without a port. For other schemes the URL
 * parser accepts nearly any text as a host.
 */
export function isHost(text: string): boolean {
  return /^(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/.test(text);
}

/** The host for a connection: an IPv6 address without the brackets of the URL. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/[[\]]/g, '');
}

/** The placeholder for the instance's host in `callbackURL` and `clientMetadataURL`. */
export const hostSegment = ':instance';

/**
 * The URL for one instance: its host replaces the segment `:instance`, or is appended.
 * @example withHost('https://site.example/callback/:instance/done', 'mastodon.social')
 */
export function withHost(template: string, host: string): string {
  const [before = '', behind = ''] = template.split(`/${hostSegment}`, 2);
  return `${before}/${host}${behind}`;
}

/** The text before and behind the host in the path of such a URL, without outer slashes. */
export function splitAtHost(template: string): { readonly before: string; readonly behind: string } {
  const { pathname } = new URL(template);
  const [before = '', behind = ''] = pathname.split(`/${hostSegment}`);
  return { before: before.replace(/\/$/, ''), behind: behind.replace(/^\/|\/$/g, '') };
}

/** The path segment with the host. It is counted from the end, because a proxy may change the start of a path. */
export function hostSegmentOf(template: string, path: string): string | undefined {
  const { behind } = splitAtHost(template);
  const segments = path.split('/').filter(Boolean);
  const end = segments.length - (behind === '' ? 0 : behind.split('/').length);
  if (segments.slice(end).join('/').toLowerCase() !== behind.toLowerCase()) return undefined;
  return segments[end - 1];
}

/**
 * The callback URL and the client metadata URL of an adapter that serves its own pages. A segment follows the host in
 * both, because firewalls with the OWASP core rule set refuse paths that end in `.com`. Servers fetch metadata over
 * https only.
 * @param ownURL without a trailing slash
 */
export function addressesBelow(ownURL: string): {
  readonly callbackURL: string;
  readonly clientMetadataURL: string | undefined;
} {
  const clientMetadataURL = `${ownURL}/client/${hostSegment}/metadata`;
  return {
    callbackURL: `${ownURL}/callback/${hostSegment}/done`,
    clientMetadataURL: ownURL.startsWith('https:') ? clientMetadataURL : undefined,
  };
}
