/** What the web door asks beside the engine's options. */

import type { LoginOptions } from '../options.js';

export interface WebLoginOptions extends LoginOptions {
  /**
   * Name of the cookie that tells browsers apart; over https it gets the prefix `__Host-`. Letters, digits, `-` and `_`.
   * Default `mastodon-login`.
   */
  cookieName?: string | undefined;
  /**
   * Lets a page of another site begin a login for its visitor, who may then be logged in to that site's account without
   * noticing. Default false: such a start is refused, where the browser tells of it (`Sec-Fetch-Site`).
   */
  allowCrossSiteStart?: boolean | undefined;
}

export interface WebSettings {
  readonly cookieName: string;
  readonly allowCrossSiteStart: boolean;
}

/** @throws TypeError that names the option at fault. What the engine shares is checked by the engine. */
export function readWebOptions(options: WebLoginOptions): WebSettings {
  const { cookieName = 'mastodon-login', allowCrossSiteStart = false } = Object(options) as WebLoginOptions;
  if (typeof cookieName !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(cookieName)) {
    throw new TypeError('createLogin: cookieName must be 1 to 64 letters, digits, "-" and "_"');
  }
  // Browsers keep a cookie with a prefix only where it fits; whether it does is not the site's to say.
  if (/^__/.test(cookieName)) {
    throw new TypeError('createLogin: cookieName must have no prefix: over https it gets "__Host-"');
  }
  return { cookieName, allowCrossSiteStart: allowCrossSiteStart === true };
}
