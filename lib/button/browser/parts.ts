/** Finds the form of an element, the site's or our own, and adds the parts that need a script. */

import { formOf, forPhones, hintPart, labelClass, type FormOptions, type Part } from '../elements.js';

export interface Parts {
  readonly form: HTMLFormElement;
  readonly input: HTMLInputElement;
  /** Says what happens after the button is pressed; screen readers announce it. */
  readonly status: HTMLElement;
  /** The text of our button; absent in a form with another button. */
  readonly label?: HTMLElement | undefined;
  /** Absent where the field is hidden: then the site has chosen the server. */
  readonly help?: { readonly hint: HTMLElement; readonly forget: HTMLButtonElement } | undefined;
}

const svg = 'http://www.w3.org/2000/svg';

const ownError = '[id$="-own-error"]';
const added = `${ownError}, .mastodon-login-status, .mastodon-login-servers, .mastodon-login-forget`;

let count = 0;

/** Makes elements of parts. Values become attributes and text, never markup. */
export function domOf({ tag, attributes, children }: Part, space: string | null = null): HTMLElement {
  const namespace = tag === 'svg' ? svg : space;
  const element = namespace === null ? document.createElement(tag) : document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.map((child) => (typeof child === 'string' ? child : domOf(child, namespace))));
  return element as HTMLElement;
}

/** Adds or removes a word of an attribute that lists several, such as `aria-describedby`. */
export function setWord(element: Element, attribute: string, word: string, isPresent: boolean): void {
  const words = (element.getAttribute(attribute) ?? '')
    .split(/\s+/)
    .filter((other) => other && other !== word);
  // First: screen readers read an error before the hint.
  if (isPresent) words.unshift(word);
  if (words.length > 0) element.setAttribute(attribute, words.join(' '));
  else element.removeAttribute(attribute);
}

/** The form that the element shows where the site has put none inside. */
export function makeForm(options: FormOptions, servers: readonly string[]): HTMLFormElement {
  return domOf(formOf({ ...options, id: `mastodon-login-${++count}` }, servers)) as HTMLFormElement;
}

export function partsIn(host: HTMLElement, field: string, lang: string | undefined): Parts | undefined {
  const form = host.querySelector('form');
  const input = form?.elements.namedItem(field);
  if (!form || !(input instanceof HTMLInputElement)) return undefined;

  // A copy of the page, as some libraries keep for "Back", has the parts that were added to the original.
  for (const old of form.querySelectorAll(added)) {
    if (old.matches(ownError)) input.removeAttribute('aria-invalid');
    setWord(input, 'aria-describedby', old.id, false);
    old.remove();
  }

  const status = domOf({
    tag: 'p',
    attributes: { class: 'mastodon-login-status', role: 'status' },
    children: [],
  });
  form.append(status);
  if (input.type === 'hidden') return { form, input, status };

  input.id ||= `mastodon-login-${++count}`;
  for (const [name, value] of Object.entries(forPhones)) {
    if (!input.hasAttribute(name)) input.setAttribute(name, value);
  }
  const hint = host.querySelector<HTMLElement>('.mastodon-login-hint') ?? domOf(hintPart(input.id, lang));
  if (!hint.isConnected) input.after(hint);
  hint.id ||= `${input.id}-hint`;
  if (!input.getAttribute('aria-describedby')?.split(' ').includes(hint.id)) {
    setWord(input, 'aria-describedby', hint.id, true);
  }
  const forget = document.createElement('button');
  forget.type = 'button';
  forget.className = 'mastodon-login-forget';
  forget.hidden = true;
  hint.after(forget);
  const label = form.querySelector<HTMLElement>(`.${labelClass}`) ?? undefined;
  return { form, input, status, label, help: { hint, forget } };
}
