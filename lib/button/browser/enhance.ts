/** Adds to a form what needs a script: suggestions, memory, errors beside the field, and the state after the press. */

import { failureText, type Failure } from '../elements.js';
import { languageOf, textWithHost } from '../texts.js';
import {
  completionOf,
  destinationOf,
  isLoopback,
  readTyped,
  typedRefusal,
  suggestionsFor,
} from '../typed.js';
import { busyOf } from './busy.js';
import { fieldErrorOf } from './field-error.js';
import {
  returnedWithoutLogin,
  forgetServer,
  rememberAttempt,
  rememberedServer,
  rememberServer,
  takeAttempt,
} from './memory.js';
import type { Parts } from './parts.js';
import { suggest } from './suggestions.js';

/** What fits above the keyboard of a phone. */
const longestList = 6;

/** The attributes of the element, read whenever they are needed. */
export interface ElementAttributes {
  readonly servers: readonly string[];
  readonly lang: string | undefined;
  readonly failure: Failure;
  readonly remembers: boolean;
}

export type Enhanced = ReturnType<typeof enhance>;

export function enhance(host: HTMLElement, parts: Parts, settings: () => ElementAttributes) {
  const { form, input, status, label, help } = parts;
  const stopping = new AbortController();
  const listen = { signal: stopping.signal };
  const wasRequired = input.required;
  const firstLabel = label?.textContent ?? '';
  let isFilling = false;

  const words = () => languageOf(settings().lang).words;
  const named = (text: string, server: string) => textWithHost(text, server, languageOf(settings().lang));
  const remembered = () => (settings().remembers ? rememberedServer() : undefined);
  const knownServers = () => [...new Set([remembered() ?? [], settings().servers].flat())];
  const hostIn = (text: string) => destinationOf(text, settings().servers, isLoopback(location.host));

  /** The text to send, and the server that it names. A partial name stands for the nearest known server. */
  function target(): { readonly text: string; readonly server: string } | undefined {
    const text = input.value;
    const server = help ? hostIn(text) : text;
    if (server !== undefined) return { text, server };
    const completed = completionOf(text, knownServers());
    return completed === undefined ? undefined : { text: completed, server: readTyped(completed).host };
  }

  /** Fills the field, and dispatches the same event as typing. */
  function fill(text: string): void {
    if (input.value === text) return;
    isFilling = true;
    // By the prototype's setter: React replaces that of the element, and then misses the change.
    Reflect.set(HTMLInputElement.prototype, 'value', text, input);
    input.dispatchEvent(new Event('input', { bubbles: true }));
    isFilling = false;
  }

  function showHint(): void {
    if (!help) return;
    const found = target();
    const isRemembered = input.value !== '' && input.value === remembered();
    const isKnown = found !== undefined && knownServers().includes(found.server);
    const { continue: goOn, destination, remembered: fromLastTime, example, forget, servers } = words();
    if (label) label.textContent = isKnown ? named(goOn, found.server) : firstLabel;
    // Beside an error, "You confirm at …" would contradict it.
    const next = found && !error.isShown() ? named(destination, found.server) : example;
    help.hint.textContent = isRemembered ? fromLastTime : next;
    help.forget.textContent = forget;
    help.forget.hidden = !isRemembered;
    suggestions?.setLabel(servers);
  }

  function showFailure(failure = settings().failure): void {
    const text = failureText(failure, settings().lang);
    error.show(text);
    showHint();
    // The focus leads screen readers to the error.
    if (text !== undefined && document.activeElement === document.body) input.focus();
  }

  /** The failure in the address of the page: `/login?error=timeout&instance=a.example`. */
  function failureInAddress(): Failure {
    const query = new URLSearchParams(location.search);
    const [code, instance, reason] = ['error', 'instance', 'reason'].map(
      (name) => query.get(name) ?? undefined,
    );
    return { code, instance, reason };
  }

  function start(): void {
    const { failure: given, lang, remembers } = settings();
    const isShown = error.pageText() !== undefined;
    const failure = isShown || !help || failureText(given, lang) !== undefined ? given : failureInAddress();
    const hasFailed = isShown || failureText(failure, lang) !== undefined;
    if (help && remembers) recall(hasFailed);
    if (failureText(failure, lang) !== undefined) showFailure(failure);
  }

  function recall(hasFailed: boolean): void {
    const attempt = takeAttempt();
    const { host: server, typed } = attempt;
    if (server !== undefined && !hasFailed && !returnedWithoutLogin(attempt)) rememberServer(server);
    const last = rememberedServer();
    const isServer = last !== undefined && hostIn(last) === last;
    if (last !== undefined && !isServer) forgetServer();
    if (input.value === '') fill((hasFailed ? typed : undefined) ?? (isServer ? last : ''));
  }

  function forget(): void {
    forgetServer();
    fill('');
    showHint();
    status.textContent = words().forgotten;
    input.focus();
  }

  /** Refuses at once what cannot be a server. */
  function check(event: SubmitEvent): void {
    suggestions?.close();
    const found = target();
    if (found && !busy.isOn()) return fill(found.text);
    event.preventDefault();
    event.stopImmediatePropagation();
    if (found) return;
    error.show(failureText(typedRefusal(input.value), settings().lang));
    input.focus();
  }

  function submitted(event: SubmitEvent): void {
    if (event.target !== form || event.defaultPrevented) return;
    const server = target()?.server;
    if (help && server !== undefined && settings().remembers) rememberAttempt(server, input.value);
    // With another target, another window or frame shows the answer.
    if (['', '_self', '_top', '_parent'].includes(form.target)) busy.set(true);
  }

  function find(text: string): string[] {
    const { host: typedHost } = readTyped(text);
    if (isFilling || (typedHost === '' && text !== '' && !text.includes('@'))) return [];
    return suggestionsFor(text, knownServers(), longestList);
  }

  function take(text: string): void {
    fill(text);
    showHint();
    const button = [...form.elements].find((element) => 'type' in element && element.type === 'submit');
    form.requestSubmit(button as HTMLElement | undefined);
  }

  const error = fieldErrorOf(host, input, help?.hint ?? status);
  const busy = busyOf(form, input, status, () => {
    const server = target()?.server ?? '';
    return [named(words().busy, server), named(words().slow, server)];
  });
  const suggestions = help && suggest(input, find, take, stopping.signal);
  busy.set(false);
  // The element shows the error for an empty field, beside the field and in the language of the page.
  input.required = false;
  if (wasRequired) input.setAttribute('aria-required', 'true');

  const typing = () => {
    if (isFilling) return;
    error.show(undefined);
    showHint();
  };
  input.addEventListener('input', typing, listen);
  help?.forget.addEventListener('click', forget, listen);
  form.addEventListener('submit', check, { ...listen, capture: true });
  // On the window, so that a page that sends the form itself has cancelled the event by then.
  window.addEventListener('submit', submitted, listen);
  const shown = ({ persisted }: PageTransitionEvent) => {
    if (!persisted) return;
    // The browser restored the page as it was left.
    busy.set(false);
    if (help && settings().remembers) takeAttempt();
  };
  window.addEventListener('pageshow', shown, listen);

  start();
  showHint();

  return {
    showFailure: () => showFailure(),
    /** Another attribute has changed. */
    showHint,
    notice(changes: readonly MutationRecord[]) {
      if (error.notice(changes)) showHint();
    },
    isBusy: () => busy.isOn(),
    setBusy: (isBusy: boolean) => busy.set(isBusy),
    stop() {
      busy.set(false);
      stopping.abort();
      error.remove();
      status.remove();
      help?.forget.remove();
      if (label) label.textContent = firstLabel;
      input.required = wasRequired;
      input.removeAttribute('aria-required');
    },
  };
}
