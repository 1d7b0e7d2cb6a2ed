/** The button on the server's side: the form as HTML, refusals in the visitor's language, and the files to serve. */

import { join } from 'node:path';
import { elementOf, type Failure, type FormOptions } from './elements.js';
import { htmlOf } from './html.js';
import { someServers } from './servers.js';
import { codeOf, languageCodes, messageFor, type LanguageCode, type MessageOptions } from './texts.js';

export { languageCodes, messageFor, someServers };
export type { Failure, LanguageCode, MessageOptions };

/** What the form shows. All but `action` may be left out. */
export interface LoginFormOptions extends FormOptions {
  /** Hosts to suggest, most likely first; the empty list for none. Default: a few large ones. */
  readonly servers?: readonly string[] | undefined;
}

/**
 * The folder with `mastodon-login.js` and `mastodon-login.css` and nothing that would not be for every visitor:
 * `app.use('/button', express.static(buttonFolder))`.
 */
export const buttonFolder: string = join(__dirname, 'browser');

/**
 * The login form as HTML: `<mastodon-login>` around a form that works without JavaScript. All values are escaped.
 * It needs `mastodon-login.css` on the page, and `mastodon-login.js` as a module for the comforts.
 * @throws TypeError without an `action`
 */
export function loginForm(options: LoginFormOptions): string {
  if (typeof options?.action !== 'string' || options.action === '') {
    throw new TypeError('loginForm needs "action", the path that begins a login, such as "/auth/mastodon"');
  }
  return htmlOf(elementOf(options, options.servers ?? someServers));
}

/**
 * Which of the ten languages a visitor reads best.
 * @param acceptLanguage the request's Accept-Language header (RFC 9110, section 12.5.4)
 * @returns `en` where none fits
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
  return codeOf(ranges.find(({ code }) => (languageCodes as readonly string[]).includes(code))?.code);
}
