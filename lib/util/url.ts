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

/** Issuers differ by a trailing slash between servers and between places on one server. */
export function withoutSlash(issuer: string): string {
  return issuer.endsWith('/') ? issuer.slice(0, -1) : issuer;
}

/** As connections name it: the brackets of an IPv6 address belong to the URL. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}
