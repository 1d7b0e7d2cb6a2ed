/**
 * `<mastodon-login>`: makes the plain login form inside it comfortable. Whatever it adds, the form stays an ordinary
 * one: it is sent by the browser, and works where this file does not. Where the field is hidden, it shows what happens.
 */

import { refusal, textOf } from '../elements.js';
import type { Language } from '../language.js';
import { someServers } from '../servers.js';
import { languageOf, withHost } from '../texts.js';
import { destinationOf, readTyped, reasonOf, suggestionsFor } from '../typed.js';
import { Busy } from './busy.js';
import { domOf, setWord } from './dom.js';
import { forgetServer, rememberedServer, rememberServer } from './memory.js';
import { partsIn, type Parts } from './parts.js';
import { Suggestions } from './suggestions.js';

/** As many as can be seen at once above a phone's keyboard. */
const longestList = 6;

// Where pages are rendered on a server there are no elements; importing this file must do no harm there.
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

interface Working extends Parts {
  readonly suggestions?: Suggestions | undefined;
  readonly busy: Busy;
  readonly stop: AbortController;
}

/**
 * Attributes, all optional: `servers` (hosts to suggest, separated by spaces), `error` (a code of the package),
 * `message`, `instance` and `reason` (what the failure says beside its code), `lang`, `memory="off"`; and, where no form stands
 * inside: `action`, `field`, `value`, `join`.
 */
export class MastodonLoginElement extends Base {
  static readonly observedAttributes = ['error', 'message', 'instance', 'reason', 'lang'];

  #working: Working | undefined;

  connectedCallback(): void {
    // The parser may not have come to the form yet, and a script that builds the page may append it next.
    if (document.readyState === 'loading') {
      document.addEventListener('DOMContentLoaded', () => this.#start(), { once: true });
    } else {
      queueMicrotask(() => this.#start());
    }
  }

  disconnectedCallback(): void {
    this.#working?.stop.abort();
    this.#working = undefined;
  }

  attributeChangedCallback(): void {
    if (!this.#working) return;
    this.#showFailure();
    this.#showHint();
  }

  /** The hosts that are suggested. */
  get servers(): readonly string[] {
    const list = this.getAttribute('servers');
    return list === null
      ? someServers
      : list
          .toLowerCase()
          .split(/[\s,]+/)
          .filter(Boolean);
  }

  set servers(hosts: readonly string[]) {
    this.setAttribute('servers', hosts.join(' '));
  }

  /** Whether a login is being begun. A page that sends the form itself sets it. */
  get busy(): boolean {
    return this.#working?.busy.isOn ?? false;
  }

  set busy(isBusy: boolean) {
    if (isBusy && !this.busy) this.#beginBusy();
    else if (!isBusy) this.#working?.busy.end();
  }

  get #language(): Language {
    return languageOf(this.#lang);
  }

  get #lang(): string | undefined {
    return this.closest('[lang]')?.getAttribute('lang') ?? undefined;
  }

  get #remembers(): boolean {
    return this.getAttribute('memory') !== 'off';
  }

  /** The host that the button leads to, if it is one. */
  get #destination(): string | undefined {
    const { input, help } = this.#working ?? {};
    if (!input) return undefined;
    return help ? destinationOf(input.value, this.servers) : input.value;
  }

  #start(): void {
    if (this.#working || !this.isConnected) return;
    const parts = partsIn(this, this.servers);
    if (!parts) return;
    const { form, input, status, help } = parts;
    const stop = new AbortController();
    const listen = { signal: stop.signal };
    const suggestions = help && new Suggestions(input, (text) => this.#suggest(text), stop.signal);
    const busy = new Busy(form, input, (text) => (status.textContent = text));
    this.#working = { ...parts, suggestions, busy, stop };

    // Our refusals stand beside the field and in the page's language; the browser's own do neither.
    form.noValidate = true;
    input.addEventListener('input', () => this.#typed(), listen);
    help?.forget.addEventListener('click', () => this.#forget(), listen);
    form.addEventListener('submit', (event) => this.#check(event), { ...listen, capture: true });
    // Last of all, so that a page that sends the form itself has said so by then.
    window.addEventListener('submit', (event) => this.#sent(event), listen);
    // Back from the server's page, this page may appear as it was left.
    window.addEventListener('pageshow', () => busy.end(), listen);
    stop.signal.addEventListener('abort', () => {
      busy.end();
      status.remove();
      help?.forget.remove();
    });

    this.#recall();
    this.#showFailure();
    this.#showHint();
  }

  #recall(): void {
    if (!this.#working?.help || !this.#remembers) return;
    const { input } = this.#working;
    const host = rememberedServer();
    if (host === undefined) return;
    // A server that was refused is not worth remembering, nor is what is none.
    const wasRefused =
      this.getAttribute('error')?.startsWith('instance_') &&
      host === destinationOf(input.value, this.servers);
    if (wasRefused || destinationOf(host, this.servers) === undefined) forgetServer();
    else if (input.value === '') input.value = host;
  }

  #suggest(text: string): string[] {
    const { host } = readTyped(text);
    const last = this.#remembers ? rememberedServer() : undefined;
    const servers = last === undefined ? this.servers : [last, ...this.servers];
    return host === '' && text !== '' && !text.includes('@')
      ? []
      : suggestionsFor(text, [...new Set(servers)], longestList);
  }

  #typed(): void {
    this.#refuse(undefined);
    this.#showHint();
  }

  #showFailure(): void {
    const [code, message, instance, reason] = ['error', 'message', 'instance', 'reason'].map(
      (name) => this.getAttribute(name) ?? undefined,
    );
    if (code === undefined && message === undefined) return;
    this.#refuse(textOf({ code, message, instance, reason }, this.#lang));
    // Who reads by ear is at the field then, and hears why.
    if (document.activeElement === document.body) this.#working?.input.focus();
  }

  #refuse(text: string | undefined): void {
    if (!this.#working) return;
    const { input, help, status } = this.#working;
    const shown = this.querySelector('.mastodon-login-error');
    const isRefused = text !== undefined;
    if (shown?.textContent !== text) {
      shown?.remove();
      if (isRefused) (help?.hint ?? status).before(domOf(refusal(input.id, text)));
    }
    if (isRefused) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
    setWord(input, 'aria-describedby', `${input.id}-error`, isRefused);
  }

  #showHint(): void {
    if (!this.#working?.help) return;
    const { input, help, suggestions } = this.#working;
    const { hint, forget } = help;
    const language = this.#language;
    const { words } = language;
    const host = destinationOf(input.value, this.servers);
    const isRemembered = this.#remembers && host !== undefined && input.value === rememberedServer();
    hint.textContent = isRemembered
      ? words.remembered
      : host === undefined
        ? words.example
        : withHost(words.destination, host, language);
    forget.textContent = words.forget;
    forget.hidden = !isRemembered;
    if (suggestions) suggestions.label = words.servers;
  }

  #forget(): void {
    if (!this.#working) return;
    const { input, status } = this.#working;
    forgetServer();
    input.value = '';
    this.#showHint();
    status.textContent = this.#language.words.forgotten;
    input.focus();
  }

  /** What can be no server is refused here, without the way there and back. */
  #check(event: SubmitEvent): void {
    if (!this.#working) return;
    const { input, busy, suggestions } = this.#working;
    suggestions?.close();
    const isServer = this.#destination !== undefined;
    if (isServer && !busy.isOn) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isServer) return;
    const code = readTyped(input.value).host === '' ? 'instance_missing' : 'instance_invalid';
    this.#refuse(textOf({ code, reason: reasonOf(input.value) }, this.#lang));
    input.focus();
  }

  #sent(event: SubmitEvent): void {
    const { form, help } = this.#working ?? {};
    if (!form || event.target !== form || event.defaultPrevented) return;
    const host = this.#destination;
    if (help && this.#remembers && host !== undefined) rememberServer(host);
    // Another window or frame takes the answer, and this page stays as it is.
    if (['', '_self', '_top', '_parent'].includes(form.target)) this.#beginBusy();
  }

  #beginBusy(): void {
    if (!this.#working) return;
    const language = this.#language;
    const host = this.#destination ?? '';
    const [atOnce, afterAWhile] = [language.words.busy, language.words.slow];
    this.#working.busy.begin(withHost(atOnce, host, language), withHost(afterAWhile, host, language));
  }
}

if (globalThis.customElements && !customElements.get('mastodon-login')) {
  customElements.define('mastodon-login', MastodonLoginElement);
}

declare global {
  interface HTMLElementTagNameMap {
    'mastodon-login': MastodonLoginElement;
  }
}
