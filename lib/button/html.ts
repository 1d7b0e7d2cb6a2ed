/** Writes parts as HTML. Every value is escaped. */

import type { Part } from './elements.js';

const empty = new Set(['input', 'path']);

export function htmlOf({ tag, attributes, children }: Part): string {
  const head = Object.entries(attributes)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escape(String(value))}"`))
    .join('');
  if (empty.has(tag)) return `<${tag}${head}${tag === 'path' ? '/' : ''}>`;
  const inside = children
    .map((child) => (typeof child === 'string' ? escape(child) : htmlOf(child)))
    .join('');
  const html = `<${tag}${head}>${inside}</${tag}>`;
  // Cloudflare replaces what looks like an e-mail address, such as a handle, except between these comments.
  return tag === 'form' ? `<!--email_off-->${html}<!--/email_off-->` : html;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

function escape(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => entities[character] ?? '');
}
