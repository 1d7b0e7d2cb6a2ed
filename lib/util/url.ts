/** Reads texts as URLs, in a way that holds. */

/** The URL that a text is, or `undefined` where it is none. */
export function parsedURL(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/**
 * As `URL.canParse`, which Node.js 20 answers wrongly for some texts beyond ASCII once it has been called often: `new URL`
 * then throws for what was said to be readable, and a stranger chooses the text.
 */
export function canParse(text: string, base?: string): boolean {
  return parsedURL(text, base) !== undefined;
}

/** Whether a value is a URL of at most 512 characters on this origin, without credentials and fragment. */
export function isOn(origin: string, value: unknown): value is string {
  // The parser drops or encodes spaces and control characters: the URL would be another one.
  if (typeof value !== 'string' || value.length > 512 || /[\p{Cc} ]/u.test(value)) return false;
  // Whatever follows is a path or a query there.
  if (value.startsWith(`${origin}/`) && !value.includes('#')) return true;
  const url = parsedURL(value);
  return url?.origin === origin && url.username === '' && url.password === '' && url.hash === '';
}

/** Issuers differ by a trailing slash between servers and between places on one server. */
export function withoutSlash(issuer: string): string {
  return issuer.endsWith('/') ? issuer.slice(0, -1) : issuer;
}

/**
 * Whether a text is a host as URLs of the web have it: a name in ASCII or an address, with or without a port. The parser
 * takes nearly any text for a host where the scheme is another one.
 */
export function isHost(text: string): boolean {
  return /^(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/.test(text);
}

/** As connections name it: the brackets of an IPv6 address belong to the URL. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Stands for the instance's host in `callbackURL` and `clientMetadataURL`. */
export const hostSegment = ':instance';

/**
 * The URL of one instance: its host takes the place of the segment `:instance`, or is appended.
 * @example withHost('https://site.example/callback/:instance/done', 'mastodon.social')
 */
export function withHost(template: string, host: string): string {
  const segment = `/${hostSegment}`;
  return template.includes(segment) ? template.replace(segment, () => `/${host}`) : `${template}/${host}`;
}

/** The text before and behind the host in such a URL's path, without slashes at their ends. */
export function aroundHost(template: string): { readonly before: string; readonly behind: string } {
  const { pathname } = new URL(template);
  const [before = '', behind = ''] = pathname.split(`/${hostSegment}`);
  return { before: before.replace(/\/$/, ''), behind: behind.replace(/^\/|\/$/g, '') };
}

/** The segment of a path at which the host stands, by its distance from the end: a proxy may change what is before it. */
export function hostSegmentOf(template: string, path: string): string | undefined {
  const { behind } = aroundHost(template);
  const segments = path.split('/').filter(Boolean);
  const rest = behind === '' ? [] : behind.split('/');
  const end = segments.length - rest.length;
  const isRest = rest.every((segment, i) => segments[end + i]?.toLowerCase() === segment.toLowerCase());
  return isRest ? segments[end - 1] : undefined;
}

/**
 * The callback URL and the client metadata URL of an adapter that serves its own pages. The host is not the last segment of
 * either: firewalls with the OWASP core rule set refuse paths that end in `.com`. Servers fetch metadata over https only.
 * @param ownURL without a slash at its end
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
