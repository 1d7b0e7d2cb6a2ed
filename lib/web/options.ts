/** The options of `createLogin`: types, defaults and checks. */

import { Checks } from '../util/checks.js';
import { loginOptionNames, type LoginOptions } from '../options.js';

/** What a site says once, when it makes the login. `undefined` means the default. */
export interface WebLoginOptions extends LoginOptions {
  /**
   * Name of the cookie that tells browsers apart; over https it gets the prefix `__Host-`. Letters, digits, `-` and `_`.
   * Default `mastodon-login`.
   */
  cookieName?: string | undefined;
  /**
   * Lets pages of other sites begin a login for their visitors, who may then be logged in to an account of such a site without
   * noticing. Default false: a start is refused where the browser says that it comes from another site (`Sec-Fetch-Site`,
   * `Origin`). A link to a route that begins logins by GET is not refused.
   */
  allowCrossSiteStart?: boolean | undefined;
}

export interface WebSettings {
  readonly cookieName: string;
  readonly allowCrossSiteStart: boolean;
}

/** Whom messages about options name. */
export const webChecks = new Checks('createLogin');

const webOptionNames = [...loginOptionNames, 'cookieName', 'allowCrossSiteStart'];

/** @throws TypeError that names the option at fault. What the engine shares is checked by the engine. */
export function readWebOptions(options: WebLoginOptions): WebSettings {
  const { cookieName, allowCrossSiteStart } = webChecks.options(options, webOptionNames);
  const name = webChecks.text('cookieName', cookieName ?? 'mastodon-login');
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    webChecks.wrong('cookieName', 'be 1 to 64 letters, digits, "-" and "_"', name);
  }
  // Browsers keep a cookie with a prefix only where it fits; whether it does is not the site's to say.
  if (name.startsWith('__'))
    webChecks.wrong('cookieName', 'have no prefix: over https it gets "__Host-"', name);
  return {
    cookieName: name,
    allowCrossSiteStart: webChecks.boolean('allowCrossSiteStart', allowCrossSiteStart, false),
  };
}
