/** The cookies of bridge and issuer: their names and attributes, and the browser's secret key. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isSecretKey, randomToken } from '../login/browser.js';
import { cookieValues } from '../util/cookies.js';
import { digest } from '../util/crypto.js';

/** Seconds. No login lasts longer. */
const browserMaxAge = 60 * 60;

export class PageCookies {
  private readonly prefix: string;
  private readonly attributes: string;

  constructor(publicURL: string, kind: 'bridge' | 'issuer') {
    const { pathname, port, protocol } = new URL(publicURL);
    const isSecure = protocol === 'https:';
    const base = `${pathname.replace(/\/$/, '')}/`;
    // Another host of the domain could otherwise set a cookie here, and the victim would continue as the attacker
    // (RFC 6265bis, section 4.1.3.2). The prefix requires the path `/`.
    const host = isSecure ? '__Host-' : '';
    // Browsers send the cookies of a host to all its ports and, with the prefix, to all its paths.
    this.prefix = `${host}mastodon-${kind}-${digest(port + base).slice(0, 8)}`;
    // Lax: clients and instances send the browser here by links.
    this.attributes = `Path=${isSecure ? '/' : base}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  nameOf(what: string): string {
    return `${this.prefix}-${what}`;
  }

  read({ headers }: IncomingMessage, what: string): string | undefined {
    return cookieValues(headers.cookie, this.nameOf(what))[0];
  }

  /** @param maxAge seconds; default: until the browser ends */
  set(res: ServerResponse, what: string, value: string, maxAge?: number): void {
    const lifetime = maxAge === undefined ? '' : `Max-Age=${maxAge}; `;
    res.appendHeader('Set-Cookie', `${this.nameOf(what)}=${value}; ${lifetime}${this.attributes}`);
  }

  /** The browser's secret key. */
  browserKey({ headers }: IncomingMessage): string | undefined {
    return cookieValues(headers.cookie, this.nameOf('browser')).find(isSecretKey);
  }

  /**
   * The browser's key. A browser without one gets a new key. Only for the response to GET: another site's page can post a form
   * here, to which browsers add no cookies, and a new key would replace the one that the browser has.
   */
  giveBrowserKey(req: IncomingMessage, res: ServerResponse): string {
    const key = this.browserKey(req) ?? randomToken();
    this.set(res, 'browser', key, browserMaxAge);
    return key;
  }
}
