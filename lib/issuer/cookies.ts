/** What the issuer keeps in a browser beside the library's session: the browser's key, and its last server. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomToken } from '../login/state.js';

/** Seconds; about as long as browsers keep anything. */
const remembered = 400 * 24 * 60 * 60;

export class IssuerCookies {
  /** Names of the library's own cookies, and of ours. */
  readonly names: {
    readonly session: string;
    readonly interaction: string;
    readonly resume: string;
    readonly browser: string;
    readonly server: string;
  };
  private readonly attributes: string;

  constructor(issuerURL: string) {
    const { pathname, protocol } = new URL(issuerURL);
    const isSecure = protocol === 'https:';
    // With this prefix no other host of the same domain can plant a cookie here (RFC 6265bis, section 4.1.3.2): who
    // could, would have a victim go on with a session or a login of their own. It wants the whole host as its path.
    const host = isSecure ? '__Host-' : '';
    // These two have a path of their own for each login, so that several can be under way.
    const secure = isSecure ? '__Secure-' : '';
    this.names = {
      session: `${host}mastodon-issuer-session`,
      interaction: `${secure}mastodon-issuer-login`,
      resume: `${secure}mastodon-issuer-resume`,
      browser: `${host}mastodon-issuer-browser`,
      server: `${host}mastodon-issuer-server`,
    };
    const path = isSecure ? '/' : `${pathname.replace(/\/$/, '')}/`;
    // Lax: the browser comes from clients, and back from the instance, by links of other sites.
    this.attributes = `Path=${path}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  /** The browser's secret key. */
  browserKey(req: Pick<IncomingMessage, 'headers'>): string | undefined {
    const value = this.read(req, this.names.browser);
    return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined;
  }

  /** The browser's key, which it gets if it has none. */
  giveBrowserKey(req: IncomingMessage, res: ServerResponse): string {
    const known = this.browserKey(req);
    if (known !== undefined) return known;
    const key = randomToken();
    res.appendHeader('Set-Cookie', `${this.names.browser}=${key}; ${this.attributes}`);
    return key;
  }

  /** Where the last login of this browser was; anything may have been put there. */
  lastServer(req: Pick<IncomingMessage, 'headers'>): string | undefined {
    return this.read(req, this.names.server);
  }

  rememberServer(res: ServerResponse, host: string): void {
    res.appendHeader('Set-Cookie', `${this.names.server}=${host}; Max-Age=${remembered}; ${this.attributes}`);
  }

  private read({ headers }: Pick<IncomingMessage, 'headers'>, wanted: string): string | undefined {
    for (const pair of (headers.cookie ?? '').split(';')) {
      const [, name, value] = /^\s*([^=\s]+)=(\S*)\s*$/.exec(pair) ?? [];
      if (name === wanted) return value;
    }
    return undefined;
  }
}
