/** The options of `createLogin`: types, defaults and checks. */

import { Checks } from '../util/checks.js';
import { loginOptionNames, type LoginOptions } from '../options.js';

/** Options of `createLogin`. `undefined` means the default. */
export interface WebLoginOptions extends LoginOptions {
  /**
   * Name of the cookie that identifies the browser. Over https it gets the prefix `__Host-`. Letters, digits, `-` and
   * `_`. Default `mastodon-login`.
   */
  cookieName?: string | undefined;
  /**
   * Accepts login starts from pages of other sites. Such a page could log a visitor in to an account of an attacker.
   * Default false: a start is refused if the browser reports another site as its source (`Sec-Fetch-Site`, `Origin`). A
   * link to a route that begins logins by GET is not refused.
   */
  allowCrossSiteStart?: boolean | undefined;
}

/** Names `createLogin` in messages about options. */
export const webChecks = new Checks('createLogin');

const webOptionNames = [...loginOptionNames, 'cookieName', 'allowCrossSiteStart'];

/**
 * Reads the options of `createLogin`. `MastodonLogin` checks the shared ones. @throws TypeError that names the option
 * at fault
 */
export function readWebOptions(options: WebLoginOptions) {
  const { cookieName, allowCrossSiteStart } = webChecks.options(options, webOptionNames);
  const name = webChecks.text('cookieName', cookieName ?? 'mastodon-login');
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    webChecks.wrong('cookieName', 'be 1 to 64 letters, digits, "-" and "_"', name);
  }
  // `createLogin` adds the prefix itself, because browsers reject a prefixed cookie over http.
  if (name.startsWith('__'))
    webChecks.wrong('cookieName', 'have no prefix: over https it gets "__Host-"', name);
  return {
    cookieName: name,
    allowCrossSiteStart: webChecks.boolean('allowCrossSiteStart', allowCrossSiteStart, false),
  };
}
