/** The bridge's cookies: a browser's secret key, and the logins that the browser began. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isState, randomToken } from '../login/state.js';
import { cookieValues, readCookies } from '../util/cookies.js';
import { digest } from '../util/digest.js';

type Request = Pick<IncomingMessage, 'headers'>;

/** Pending logins of one browser. Anyone can write more cookies, and a denial without `state` looks for each of them. */
const maxLogins = 10;

/** Seconds; longer than any request lasts. */
const maxAge = 60 * 60;

export class BridgeCookies {
  private readonly prefix: string;
  private readonly attributes: string;

  constructor(publicURL: string) {
    const { pathname, protocol } = new URL(publicURL);
    const isSecure = protocol === 'https:';
    const base = `${pathname.replace(/\/$/, '')}/`;
    // __Host- keeps other hosts of the domain from planting a cookie (RFC 6265bis, section 4.1.3.2): the owner of a planted
    // key could have the visitor finish a login of the owner. It demands Path=/, so the path goes into the name.
    this.prefix = `${isSecure ? '__Host-' : ''}mastodon-bridge-${digest(base).slice(0, 8)}`;
    // Lax: the browser comes back from the instance by a link from another site.
    this.attributes = `Path=${isSecure ? '/' : base}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  /** The browser's key for one request. `undefined` for a browser without a key. */
  keyFor(req: Request, id: string): string | undefined {
    const key = this.browserKey(req);
    return key === undefined ? undefined : digest(`${key}:${id}`);
  }

  /**
   * As `keyFor`; gives the browser a key if it has none. Only for an answer to GET: a page of another site can post a form
   * here, to which browsers add no cookies, and a new key would replace the one that the browser has.
   */
  giveKeyFor(req: Request, res: ServerResponse, id: string): string {
    const key = this.browserKey(req) ?? randomToken();
    this.set(res, this.prefix, key);
    return digest(`${key}:${id}`);
  }

  /** Remembers for which request the browser is sent to its instance. Forgets the oldest login beyond the limit. */
  begin(req: Request, res: ServerResponse, state: string, id: string): void {
    const [oldest, ...others] = this.logins(req).keys();
    if (oldest !== undefined && others.length >= maxLogins - 1) this.remove(res, oldest);
    this.set(res, this.nameOf(state), id);
  }

  /** The ID of the request for which the browser went to its instance with this `state`. */
  requestOf(req: Request, state: string): string | undefined {
    return cookieValues(req.headers.cookie, this.nameOf(state)).find(isID);
  }

  /** The IDs of all requests for which the browser went to an instance. */
  requests(req: Request): string[] {
    return [...new Set(this.logins(req).values())];
  }

  /** Forgets the logins of a request that has ended. */
  end(req: Request, res: ServerResponse, id: string): void {
    for (const [name, other] of this.logins(req)) if (other === id) this.remove(res, name);
  }

  private browserKey(req: Request): string | undefined {
    return cookieValues(req.headers.cookie, this.prefix).find(isState);
  }

  /** By the name of their cookie, oldest first: browsers send the cookies of one path in this order (RFC 6265, section 5.4). */
  private logins(req: Request): Map<string, string> {
    const found = readCookies(req.headers.cookie)
      .filter(({ name, value }) => name.startsWith(`${this.prefix}-`) && isID(value))
      .slice(-maxLogins);
    return new Map(found.map(({ name, value }) => [name, value]));
  }

  private nameOf(state: string): string {
    return `${this.prefix}-${digest(state).slice(0, 12)}`;
  }

  private set(res: ServerResponse, name: string, value: string): void {
    res.appendHeader('Set-Cookie', `${name}=${value}; Max-Age=${maxAge}; ${this.attributes}`);
  }

  private remove(res: ServerResponse, name: string): void {
    const past = 'Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT';
    res.appendHeader('Set-Cookie', `${name}=; ${past}; ${this.attributes}`);
  }
}

function isID(value: string): boolean {
  return /^[\w-]{24}$/.test(value);
}
