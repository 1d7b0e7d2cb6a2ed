/** The parts of the form as data: `form.ts` writes them as HTML on a server, `browser/parts.ts` makes elements in a page. */

import { languageCodeOf, languageOf, messageFor } from './texts.js';
import { parsedURL } from '../util/url.js';

/** `false` or undefined leaves an attribute out; `true` writes it without a value. */
export type Attributes = Readonly<Record<string, string | boolean | undefined>>;

export interface Part {
  readonly tag: string;
  readonly attributes: Attributes;
  readonly children: readonly (Part | string)[];
}

/** Why the last login failed. A `MastodonError` is one. */
export interface Failure {
  /** One of the error codes. Its message is shown in the visitor's language. */
  readonly code?: string | undefined;
  /** Shown if the code is absent or unknown. */
  readonly message?: string | undefined;
  /** Host of the instance concerned. */
  readonly instance?: string | undefined;
  /** The reason, for codes that have several. */
  readonly reason?: string | undefined;
}

export interface FormOptions {
  /** Path that starts a login, for example `/auth/mastodon`. */
  readonly action: string;
  /** Default: `post`. */
  readonly method?: 'post' | 'get' | undefined;
  /** A language tag. Default: English. */
  readonly lang?: string | undefined;
  /** Name of the field, as in the strategy's `instanceField`. Default: `instance`. */
  readonly field?: string | undefined;
  /** `id` of the field. The ids of its hint and its error begin with it. Default: `mastodon-login`. */
  readonly id?: string | undefined;
  /** Text in the field, such as the one that was typed before a failure. */
  readonly value?: string | undefined;
  /** Why the last login failed. */
  readonly failure?: Failure | undefined;
  /** URL where visitors without an account find a server. `false` omits that line. Default: joinmastodon.org. */
  readonly join?: string | false | undefined;
  /** Further fields to send along, such as a CSRF token. */
  readonly hidden?: Readonly<Record<string, string>> | undefined;
  /** Where the answer is shown, as in `<form target>`: `_top` for a form in a frame. Default: in its place. */
  readonly target?: string | undefined;
}

/** The text of the button, which changes to "Continue with" a server. */
export const labelClass = 'mastodon-login-label';

/** The Mastodon project's own list of servers for newcomers. */
const joinMastodon = 'https://joinmastodon.org/servers';

const part = (tag: string, attributes: Attributes, ...children: readonly (Part | string)[]): Part => ({
  tag,
  attributes,
  children,
});

/** The picture on the button: the head of an elephant. */
function elephant(): Part {
  const lines = [
    'M9 4.5h4.5a5.5 5.5 0 0 1 5.5 5.5v6.5a1.5 1.5 0 0 0 3 0V16',
    'M14.5 14v6.5h-3v-3.5h-3v3.5h-3v-9',
    'M10 4.5C5.5 3 2.5 5.5 3 9.5c.4 3 2.5 4.5 5 3.5 2.5-1 3-4.5 2-8.5Z',
    'M14.7 9.5h.01',
  ];
  const look = {
    class: 'mastodon-login-icon',
    viewBox: '0 0 24 24',
    'aria-hidden': 'true',
    focusable: 'false',
  };
  return part('svg', look, ...lines.map((d) => part('path', { d })));
}

export function hintPart(id: string, lang: string | undefined): Part {
  return part('p', { class: 'mastodon-login-hint', id: `${id}-hint` }, languageOf(lang).words.example);
}

/** The error below the field. Screen readers announce it when it appears. */
export function errorPart(id: string, text: string): Part {
  return part('p', { class: 'mastodon-login-error', role: 'alert', id: `${id}-error` }, text);
}

export function failureText(failure: Failure | undefined, lang: string | undefined): string | undefined {
  const { code = '', message, instance, reason } = failure ?? {};
  return messageFor(code, { lang, instance, reason }) ?? (message || undefined);
}

/** An address from a configuration or a database must not run as a script. It is read as browsers read it. */
function isWebAddress(address: string): boolean {
  const base = 'https://here.invalid/';
  return /^https?:$/u.test(parsedURL(address, base)?.protocol ?? '');
}

function joinLine(join: string | false | undefined, lang: string | undefined): Part[] {
  const href = join ?? joinMastodon;
  if (href === false || href === '' || !isWebAddress(href)) return [];
  const { noAccount, join: words } = languageOf(lang).words;
  return [part('p', { class: 'mastodon-login-join' }, `${noAccount} `, part('a', { href }, words))];
}

/** Keyboards of phones otherwise begin with a capital letter and correct server names into words. */
export const forPhones = {
  inputmode: 'email',
  enterkeyhint: 'go',
  autocapitalize: 'off',
  autocorrect: 'off',
  spellcheck: 'false',
};

/** The form. It works without JavaScript. */
export function formOf(options: FormOptions, servers: readonly string[]): Part {
  const {
    action,
    method = 'post',
    lang,
    field = 'instance',
    id = 'mastodon-login',
    value,
    failure,
  } = options;
  const { words } = languageOf(lang);
  const error = failureText(failure, lang);
  return part(
    'form',
    // Turbo and htmx would send the form with `fetch`, which cannot follow the redirect to another site.
    { method, action, target: options.target, 'data-turbo': 'false', 'hx-boost': 'false' },
    ...Object.entries(options.hidden ?? {}).map(([name, text]) =>
      part('input', { type: 'hidden', name, value: text }),
    ),
    part('label', { for: id }, words.label),
    part('input', {
      id,
      name: field,
      type: 'text',
      value: value ?? '',
      // Handles and host names are written from left to right in every script.
      dir: 'ltr',
      list: `${id}-servers`,
      ...forPhones,
      autocomplete: 'on',
      maxlength: '500',
      required: true,
      'aria-invalid': error === undefined ? false : 'true',
      'aria-describedby': `${error === undefined ? '' : `${id}-error `}${id}-hint`,
      autofocus: error !== undefined,
    }),
    part('datalist', { id: `${id}-servers` }, ...servers.map((server) => part('option', { value: server }))),
    ...(error === undefined ? [] : [errorPart(id, error)]),
    hintPart(id, lang),
    part('button', {}, elephant(), ' ', part('span', { class: labelClass }, words.button)),
    ...joinLine(options.join, lang),
  );
}

/** The element around the form. The script in the browser reads its attributes. */
export function elementOf(options: FormOptions, servers: readonly string[]): Part {
  const { lang, failure, field } = options;
  return part(
    'mastodon-login',
    {
      lang: languageCodeOf(lang),
      dir: languageOf(lang).direction ?? 'ltr',
      servers: servers.join(' '),
      error: failure?.code,
      message: failure?.message,
      instance: failure?.instance,
      reason: failure?.reason,
      field,
    },
    formOf(options, servers),
  );
}
