/** Finds the parts of the form in the page, the site's own or ours, and makes those that are missing. */

import { formOf, hint } from '../elements.js';
import { domOf, setWord } from './dom.js';

export interface Parts {
  readonly form: HTMLFormElement;
  readonly input: HTMLInputElement;
  /** Announced: what happens after the button is pressed. */
  readonly status: HTMLElement;
  /** Absent where the field is hidden: the server is known then, and all there is to do is to wait for it. */
  readonly help?: { readonly hint: HTMLElement; readonly forget: HTMLButtonElement };
}

let count = 0;

/** @returns undefined where the site's own form has no such field, so that there is nothing to help with */
export function partsIn(host: HTMLElement, servers: readonly string[]): Parts | undefined {
  const field = host.getAttribute('field') ?? 'instance';
  const lang = host.closest('[lang]')?.getAttribute('lang') ?? undefined;
  if (host.querySelector('form') === null) {
    const join = host.getAttribute('join') ?? undefined;
    const action = host.getAttribute('action') ?? '';
    const value = host.getAttribute('value') ?? '';
    const options = { action, field, lang, id: `mastodon-login-${++count}`, value };
    host.append(domOf(formOf(join === undefined ? options : { ...options, join }, servers)));
  }
  const form = host.querySelector('form');
  const input = form?.elements.namedItem(field);
  if (!form || !(input instanceof HTMLInputElement)) return undefined;
  const status = document.createElement('p');
  status.className = 'mastodon-login-status';
  status.role = 'status';
  form.append(status);
  if (input.type === 'hidden') return { form, input, status };

  input.id ||= `mastodon-login-${++count}`;

  let hintPart = host.querySelector<HTMLElement>('.mastodon-login-hint');
  if (hintPart === null) {
    hintPart = domOf(hint(input.id, lang)) as HTMLElement;
    input.after(hintPart);
  }
  hintPart.id ||= `${input.id}-hint`;
  if (!input.getAttribute('aria-describedby')?.split(' ').includes(hintPart.id)) {
    setWord(input, 'aria-describedby', hintPart.id, true);
  }

  const forget = document.createElement('button');
  forget.type = 'button';
  forget.className = 'mastodon-login-forget';
  forget.hidden = true;
  hintPart.after(forget);
  return { form, input, status, help: { hint: hintPart, forget } };
}
