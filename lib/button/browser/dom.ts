/** Makes elements of parts: what came from outside goes into attributes and text, never into markup. */

import type { Part } from '../elements.js';

const svg = 'http://www.w3.org/2000/svg';

export function domOf({ tag, attributes, children }: Part, space: string | null = null): Element {
  const namespace = tag === 'svg' ? svg : space;
  const element = namespace === null ? document.createElement(tag) : document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.map((child) => (typeof child === 'string' ? child : domOf(child, namespace))));
  return element;
}

/** Adds and removes one of the words of an attribute that lists several, such as `aria-describedby`. */
export function setWord(element: Element, attribute: string, word: string, isThere: boolean): void {
  const words = (element.getAttribute(attribute) ?? '')
    .split(/\s+/)
    .filter((other) => other && other !== word);
  // A refusal is heard before the hint.
  if (isThere) words.unshift(word);
  if (words.length > 0) element.setAttribute(attribute, words.join(' '));
  else element.removeAttribute(attribute);
}
