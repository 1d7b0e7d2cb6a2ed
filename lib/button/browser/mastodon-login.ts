/**
 * `<mastodon-login>`: adds suggestions, memory and messages to the login form inside it. The form stays an ordinary one: the
 * browser submits it, and it works without this script. Where the field is hidden, the element shows that a login starts.
 */

import type { AttributeValue, MastodonLoginAttributes } from './attributes.js';
import { someServers } from '../servers.js';
import { enhance, type Enhanced, type ElementAttributes } from './enhance.js';
import { makeForm, partsIn, type Parts } from './parts.js';

export type { AttributeValue, MastodonLoginAttributes } from './attributes.js';

const failureNames = ['error', 'message', 'instance', 'reason'];
/** The form that the element makes depends on these. */
const formNames = ['action', 'field', 'join', 'lang'];
const names = [...failureNames, ...formNames, 'value', 'servers', 'memory'];

// On a server there are no elements, and importing this file must do no harm.
const Base = (globalThis.HTMLElement ?? class {}) as unknown as {
  new (): HTMLElement & MastodonLoginAttributes;
  prototype: HTMLElement & MastodonLoginAttributes;
};

/**
 * Every attribute is also a property that takes the same values, in any order, before and after the element is defined:
 * text, a list (joined by spaces), `false` (the empty text), or null or undefined (no attribute).
 */
export class MastodonLoginElement extends Base {
  static readonly observedAttributes = names;

  #parts: Parts | undefined;
  #enhanced: Enhanced | undefined;
  /** The form, if the element has made it. */
  #ownForm: HTMLFormElement | undefined;
  /** Names of attributes that have changed and are not shown yet. */
  readonly #changed = new Set<string>();
  #observer: MutationObserver | undefined;

  connectedCallback(): void {
    // Frameworks may set properties before the element is defined. They then hide the accessors.
    for (const name of [...names, 'busy'].filter((own) => Object.hasOwn(this, own))) {
      const value: unknown = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
    this.#observer = new MutationObserver((changes) => this.#notice(changes));
    this.#observer.observe(this, { childList: true, characterData: true, subtree: true });
    const start = () => this.#start();
    document.addEventListener('DOMContentLoaded', start, { once: true });
    // A script that builds the page may append the form next.
    queueMicrotask(start);
  }

  disconnectedCallback(): void {
    this.#observer?.disconnect();
    this.#stop();
  }

  attributeChangedCallback(name: string): void {
    if (this.#changed.size === 0) queueMicrotask(() => this.#update());
    this.#changed.add(name);
  }

  /** Whether a login is being started. Set it on pages that submit the form themselves. */
  get busy(): boolean {
    return this.#enhanced?.isBusy() ?? false;
  }

  set busy(isBusy: boolean) {
    this.#enhanced?.setBusy(Boolean(isBusy));
  }

  get #settings(): ElementAttributes {
    const [code, message, instance, reason] = failureNames.map(
      (name) => this.getAttribute(name) ?? undefined,
    );
    const servers = this.getAttribute('servers')?.toLowerCase();
    return {
      servers: servers?.split(/[\s,]+/).filter(Boolean) ?? someServers,
      lang: this.closest('[lang]:not([lang=""])')?.getAttribute('lang') ?? undefined,
      failure: { code, message, instance, reason },
      remembers: this.getAttribute('memory') !== 'off',
    };
  }

  #start(): void {
    // The parser may not have reached the form yet.
    if (this.#enhanced || !this.isConnected || document.readyState === 'loading') return;
    const { lang, servers } = this.#settings;
    const field = this.getAttribute('field') || 'instance';
    const action = this.getAttribute('action');
    if (this.querySelector('form') === null && action !== null) {
      const value = this.getAttribute('value') ?? '';
      const join = this.getAttribute('join') ?? undefined;
      this.#ownForm = makeForm({ action, field, lang, value, join }, servers);
      this.append(this.#ownForm);
    }
    this.#parts = partsIn(this, field, lang);
    this.#enhanced = this.#parts && enhance(this, this.#parts, () => this.#settings);
  }

  #stop(): void {
    this.#enhanced?.stop();
    this.#enhanced = this.#parts = undefined;
  }

  /** Several attributes that change together, as frameworks set them, are shown at once. */
  #update(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    const isOneOf = (list: readonly string[]) => changed.some((name) => list.includes(name));
    if (!this.#parts) return this.#start();
    if (isOneOf(formNames)) this.#restart();
    if (this.#ownForm && changed.includes('value'))
      this.#parts.input.value = this.getAttribute('value') ?? '';
    if (isOneOf(failureNames)) this.#enhanced?.showFailure();
    this.#enhanced?.showHint();
  }

  #restart(): void {
    const typed = this.#parts?.input.value ?? '';
    const hadFocus = this.contains(document.activeElement);
    this.#stop();
    this.#ownForm?.remove();
    this.#ownForm = undefined;
    this.#start();
    const { input } = this.#parts ?? {};
    if (input) input.value = typed;
    if (hadFocus) input?.focus();
  }

  /** The page may put a form into the element later, or replace it. */
  #notice(changes: readonly MutationRecord[]): void {
    const { form, input } = this.#parts ?? {};
    if (form && input && this.contains(form) && form.contains(input)) return this.#enhanced?.notice(changes);
    this.#stop();
    this.#start();
  }
}

for (const name of names) {
  Object.defineProperty(MastodonLoginElement.prototype, name, {
    configurable: true,
    enumerable: true,
    get(this: Element) {
      return this.getAttribute(name);
    },
    set(this: Element, value: AttributeValue) {
      if (value === null || value === undefined) this.removeAttribute(name);
      else this.setAttribute(name, Array.isArray(value) ? value.join(' ') : String(value || ''));
    },
  });
}

if (globalThis.customElements && !customElements.get('mastodon-login')) {
  customElements.define('mastodon-login', MastodonLoginElement);
}

declare global {
  interface HTMLElementTagNameMap {
    'mastodon-login': MastodonLoginElement;
  }
}
