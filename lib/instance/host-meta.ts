/** host-meta (RFC 6415): which server answers WebFinger for a domain. */

import { parseObject } from '../net/json.js';
import { canParse } from '../url.js';

/**
 * The URLs that the document's `lrdd` templates point to. It is XML or JSON; of the XML only the attributes of
 * `Link` elements are read, each by a pattern that looks at every character once. Judging the URLs is the
 * caller's part.
 */
export function lrddTargets(text: string): URL[] {
  const templates = text.trimStart().startsWith('{') ? templatesInJSON(text) : templatesInXML(text);
  return templates
    .map((template) => template.replaceAll('{uri}', ''))
    .filter((url) => canParse(url))
    .map((url) => new URL(url))
    .slice(0, 3);
}

function templatesInXML(text: string): string[] {
  return [...text.matchAll(/<(?:\w{1,20}:)?Link\s([^<>]{1,2000})>/g)].flatMap(([, attributes = '']) => {
    const rel = /\brel\s?=\s?["']([^"']*)["']/.exec(attributes)?.[1];
    const template = /\btemplate\s?=\s?["']([^"']*)["']/.exec(attributes)?.[1];
    return rel === 'lrdd' && template !== undefined ? [template.replaceAll('&amp;', '&')] : [];
  });
}

function templatesInJSON(text: string): string[] {
  try {
    const { links } = parseObject(text);
    return (Array.isArray(links) ? (links as unknown[]) : []).flatMap((link) => {
      const { rel, template } = (link ?? {}) as Record<string, unknown>;
      return rel === 'lrdd' && typeof template === 'string' ? [template] : [];
    });
  } catch {
    return [];
  }
}
