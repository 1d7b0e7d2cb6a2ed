/** The visitor's browser: its cookie with a secret key, and the values that are derived from the key. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isSecretKey, randomToken } from '../login/browser.js';
import { cookieValues } from '../util/cookies.js';
import { digest, decrypt, encrypt } from '../util/crypto.js';

/** Seconds; longer than a request lasts. */
const maxAge = 60 * 60;

const purpose = 'passport-mastodon-oauth2 bridge request';

export class BrowserCookie {
  private readonly name: string;
  private readonly attributes: string;

  constructor(publicURL: string) {
    const { pathname, protocol } = new URL(publicURL);
    const isSecure = protocol === 'https:';
    const base = `${pathname.replace(/\/$/, '')}/`;
    // __Host- keeps other hosts of the domain from planting a cookie (RFC 6265bis, section 4.1.3.2): the owner of a planted
    // key could have the visitor finish a login of the owner. It requires Path=/, so the path is in the name.
    this.name = `${isSecure ? '__Host-' : ''}mastodon-bridge-${digest(base).slice(0, 8)}`;
    // Lax: the browser comes back from the instance by a link from another site.
    this.attributes = `Path=${isSecure ? '/' : base}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  read({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
    return cookieValues(headers.cookie, this.name).find(isSecretKey);
  }

  /**
   * Gives the browser a key if it has none. Only for the response to GET: another site's page can post a form here, to which
   * browsers add no cookies, and a new key would replace the one that the browser has.
   */
  give(req: Pick<IncomingMessage, 'headers'>, res: ServerResponse): string {
    const key = this.read(req) ?? randomToken();
    res.appendHeader('Set-Cookie', `${this.name}=${key}; Max-Age=${maxAge}; ${this.attributes}`);
    return key;
  }
}

/** The browser's secret for one request: a form is sent with a proof of it, and the request's claim holds its digest. */
export function requestSecret(browserKey: string, id: string): string {
  return digest(`${browserKey}:${id}`);
}

/** A request's ID as the state of a pending login: a reader of the store cannot decrypt it. */
export function stateOf(browserKey: string, id: string): string {
  return encrypt(browserKey, purpose, id);
}

/** @returns `undefined` for a state that was not made for this browser */
export function idIn(state: unknown, browserKey: string | undefined): string | undefined {
  return browserKey === undefined || typeof state !== 'string'
    ? undefined
    : decrypt(browserKey, purpose, state);
}
