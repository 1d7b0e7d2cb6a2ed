/** host-meta (RFC 6415): which server answers WebFinger for a domain. */

import { parseObject } from '../http/json.js';
import { parsedURL } from '../util/url.js';

/**
 * The URLs that the document's `lrdd` templates point to. It is XML or JSON; of the XML only the attributes of
 * `Link` elements are read, each by a pattern that looks at every character once. Judging the URLs is the
 * caller's part.
 */
export function lrddTargets(text: string): URL[] {
  const links = text.trimStart().startsWith('{') ? linksInJSON(text) : linksInXML(text);
  return links
    .filter(isLrdd)
    .map(({ template }) => parsedURL(template.replaceAll('{uri}', '')))
    .filter((url) => url !== undefined)
    .slice(0, 3);
}

interface Link {
  readonly rel?: unknown;
  readonly template?: unknown;
}

function isLrdd(link: Link): link is { readonly template: string } {
  return link.rel === 'lrdd' && typeof link.template === 'string';
}

function linksInXML(text: string): Link[] {
  return [...text.matchAll(/<(?:\w{1,20}:)?Link\s[^<>]{1,2000}>/g)].map(([link]) => ({
    rel: /\brel\s?=\s?["']([^"']*)["']/.exec(link)?.[1],
    template: /\btemplate\s?=\s?["']([^"']*)["']/.exec(link)?.[1]?.replaceAll('&amp;', '&'),
  }));
}

function linksInJSON(text: string): Link[] {
  try {
    const { links } = parseObject(text);
    return Array.isArray(links) ? links.map((link: Link | null) => link ?? {}) : [];
  } catch {
    return [];
  }
}
