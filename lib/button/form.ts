/** The button on the server: the form as HTML, messages in the visitor's language, and the files to serve. */

import { join, resolve } from 'node:path';
import { elementOf, type Failure, type FormOptions, type Part } from './elements.js';
import { someServers } from './servers.js';
import {
  languageCodeOf,
  languageCodes,
  messageFor,
  type LanguageCode,
  type MessageOptions,
} from './texts.js';

export { languageCodes, messageFor, someServers };
export type { Failure, LanguageCode, MessageOptions };

/** The contents of the form. Only `action` is required. */
export interface LoginFormOptions extends FormOptions {
  /** Hosts to suggest, the most likely first; an empty list for none. Default: `someServers`. */
  readonly servers?: readonly string[] | undefined;
}

// In a bundle as an ES module `__dirname` may be undefined. The bundle does not contain the files; `node_modules` may.
const here =
  typeof __dirname === 'string' ? __dirname : resolve('node_modules/passport-mastodon-oauth2/dist/button');

/**
 * The folder with `mastodon-login.js` and `mastodon-login.css`. Everything in it may be public:
 * `app.use('/button', express.static(buttonFolder))`.
 */
export const buttonFolder: string = join(here, 'browser');

/**
 * The login form as HTML: `<mastodon-login>` around a form that works without JavaScript. All values are escaped.
 * The page needs `mastodon-login.css`. With `mastodon-login.js` the form also suggests servers and remembers the last.
 * @throws TypeError without an `action`
 */
export function loginForm(options: LoginFormOptions): string {
  if (typeof options?.action !== 'string' || options.action === '') {
    throw new TypeError('loginForm needs "action", the path that starts a login, such as "/auth/mastodon"');
  }
  return htmlOf(elementOf(options, options.servers ?? someServers));
}

/**
 * The one of the ten languages that a visitor prefers.
 * @param acceptLanguage the request's Accept-Language header (RFC 9110, section 12.5.4)
 * @returns `en` if the visitor reads none of them
 */
export function languageFor(acceptLanguage: string | null | undefined): LanguageCode {
  const ranges = (acceptLanguage ?? '')
    .slice(0, 500)
    .split(',')
    .map((range) => {
      const [tag = '', ...parameters] = range
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/);
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      return { code: tag.split('-', 1)[0] ?? '', quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((one, other) => other.quality - one.quality);
  return languageCodeOf(ranges.find(({ code }) => (languageCodes as readonly string[]).includes(code))?.code);
}

/** HTML elements without an end tag. */
const empty = new Set(['input', 'path']);

function htmlOf({ tag, attributes, children }: Part): string {
  const head = Object.entries(attributes)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escapeReadably(String(value))}"`))
    .join('');
  if (empty.has(tag)) return `<${tag}${head}${tag === 'path' ? '/' : ''}>`;
  const inside = children
    .map((child) => (typeof child === 'string' ? escapeReadably(child) : htmlOf(child)))
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

/** Readable entities, because developers look at the form's source. */
function escapeReadably(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => entities[character] ?? '');
}
