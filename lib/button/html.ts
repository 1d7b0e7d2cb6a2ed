/** Writes parts as HTML. Every value is text: what a visitor typed cannot become markup. */

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
  return `<${tag}${head}>${inside}</${tag}>`;
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
