/** The browser's part in a request: one cookie for each, so that several logins can be under way in one browser. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomToken } from '../login/state.js';
import { digest } from '../util/digest.js';

/**
 * Over https with the prefix that keeps other hosts of the same domain from planting a cookie (RFC 6265bis, section
 * 4.1.3.2): who planted the cookie of their own request could have a victim finish it unasked.
 */
const prefixes = { 'https:': '__Host-mastodon-login-', 'http:': 'mastodon-login-' };

/** More are left over from requests that nobody finished; together they could outgrow what servers take. */
const cookiesPerBrowser = 10;

/** Longer than any request, to recognise a browser whose last login did not come back. Seconds. */
const maxAge = 60 * 60;

export class BrowserCookies {
  private readonly attributes: string;
  private readonly prefix: string;

  constructor(publicURL: string) {
    const { pathname, protocol } = new URL(publicURL);
    const isSecure = protocol === 'https:';
    // The prefix wants the whole host as its path.
    const path = isSecure ? '/' : `${pathname.replace(/\/$/, '')}/`;
    this.prefix = prefixes[isSecure ? 'https:' : 'http:'];
    // Lax: the browser comes back from the instance by a link from another site.
    this.attributes = `Path=${path}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  /** The keys that the browser has, by the ID of the request each is for. */
  read(req: Pick<IncomingMessage, 'headers'>): Map<string, string> {
    const found = new Map<string, string>();
    for (const pair of (req.headers.cookie ?? '').split(';')) {
      const [, name, id = '', key = ''] = /^\s*([\w-]+)=([\w-]{1,64})\.([\w-]{43})\s*$/.exec(pair) ?? [];
      if (name === this.nameOf(id)) found.set(id, key);
      // Anybody can write more of them, and the store may be asked for each.
      if (found.size >= cookiesPerBrowser) break;
    }
    return found;
  }

  /** The browser's key for the request, which it gets if it has none. */
  give(req: IncomingMessage, res: ServerResponse, id: string): string {
    const there = this.read(req);
    const known = there.get(id);
    if (known !== undefined) return known;
    if (there.size >= cookiesPerBrowser) for (const other of there.keys()) this.clear(res, other);
    const key = randomToken();
    res.appendHeader('Set-Cookie', `${this.nameOf(id)}=${id}.${key}; Max-Age=${maxAge}; ${this.attributes}`);
    return key;
  }

  clear(res: ServerResponse, id: string): void {
    const past = 'Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT';
    res.appendHeader('Set-Cookie', `${this.nameOf(id)}=; ${past}; ${this.attributes}`);
  }

  private nameOf(id: string): string {
    return this.prefix + digest(id).slice(0, 12);
  }
}
