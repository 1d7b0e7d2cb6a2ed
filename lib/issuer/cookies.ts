/** The issuer's cookies: their names, the browser's key, its last server, and the session before the login. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isSecretKey, randomToken } from '../login/browser.js';
import { cookieValues } from '../util/cookies.js';
import { digest, decrypt, encrypt } from '../util/crypto.js';
import type { AdapterPayload } from './oidc-provider.js';

/** Chromium keeps no cookie longer. Seconds. */
const serverMaxAge = 400 * 24 * 60 * 60;

const visitorPurpose = 'visitor session';

export class IssuerCookies {
  readonly names: Readonly<
    Record<'session' | 'interaction' | 'resume' | 'browser' | 'server' | 'visitor', string>
  >;
  private readonly attributes: string;

  /** @param keys secrets of the issuer, the first of which encrypts */
  constructor(
    issuerURL: string,
    private readonly keys: () => readonly string[],
  ) {
    const { pathname, port, protocol } = new URL(issuerURL);
    const isSecure = protocol === 'https:';
    // Browsers send the cookies of a host to all its ports and, with the prefix `__Host-`, to all its paths.
    const place = `${port}${pathname}`;
    const issuer = place === '/' ? 'mastodon-issuer' : `mastodon-issuer-${digest(place).slice(0, 8)}`;
    // Another host of the same domain could otherwise set a cookie here, and the victim would continue in the attacker's
    // session (RFC 6265bis, section 4.1.3.2). The prefix requires the path `/`.
    const host = isSecure ? '__Host-' : '';
    // These two have a path for each login, so that several logins can be pending.
    const secure = isSecure ? '__Secure-' : '';
    this.names = {
      session: `${host}${issuer}-session`,
      interaction: `${secure}${issuer}-login`,
      resume: `${secure}${issuer}-resume`,
      browser: `${host}${issuer}-browser`,
      server: `${host}${issuer}-server`,
      visitor: `${host}${issuer}-visitor`,
    };
    const path = isSecure ? '/' : `${pathname.replace(/\/$/, '')}/`;
    // Lax: clients and instances send the browser here by links.
    this.attributes = `Path=${path}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  /** The browser's secret key. */
  browserKey(req: IncomingMessage): string | undefined {
    return cookieValues(req.headers.cookie, this.names.browser).find(isSecretKey);
  }

  /** The browser's key. A browser without one gets a new key. */
  giveBrowserKey(req: IncomingMessage, res: ServerResponse): string {
    const known = this.browserKey(req);
    if (known !== undefined) return known;
    const key = randomToken();
    this.set(res, this.names.browser, key);
    return key;
  }

  /** The server of the last login in this browser. Not verified. */
  lastServer(req: IncomingMessage): string | undefined {
    return this.read(req, this.names.server);
  }

  rememberServer(res: ServerResponse, host: string): void {
    this.set(res, this.names.server, host, `Max-Age=${serverMaxAge}; `);
  }

  /** The session before the login, if the browser has one with this ID. */
  visitorSession(req: IncomingMessage, id: string): AdapterPayload | undefined {
    const value = this.read(req, this.names.visitor) ?? '';
    const [text] = this.keys().flatMap((key) => decrypt(key, visitorPurpose, value) ?? []);
    const kept = text === undefined ? undefined : (JSON.parse(text) as AdapterPayload);
    return kept?.jti === id ? kept : undefined;
  }

  /**
   * Keeps the session of a visitor before the login, if it has the secret of a form that the visitor sees.
   * @returns whether it has one
   */
  keepVisitorSession(req: IncomingMessage, res: ServerResponse, payload: AdapterPayload): boolean {
    const { secret } = (payload.state ?? {}) as { readonly secret?: unknown };
    const [key = ''] = this.keys();
    if (typeof secret === 'string')
      this.set(res, this.names.visitor, encrypt(key, visitorPurpose, JSON.stringify(payload)));
    else if (this.read(req, this.names.visitor) !== undefined)
      this.set(res, this.names.visitor, '', 'Max-Age=0; ');
    return typeof secret === 'string';
  }

  /**
   * Removes the session's cookie from a response if the session was not stored, or if the browser already has this cookie: a slow
   * response would undo a later change of the cookie.
   */
  dropSessionCookie(req: IncomingMessage, res: ServerResponse, isUnsaved: boolean): void {
    const names = [this.names.session, `${this.names.session}.sig`];
    const set = [res.getHeader('set-cookie') ?? []].flat().map(String);
    const isKnown = names.every((name) => {
      const value = this.read(req, name);
      return value !== undefined && set.some((cookie) => cookie.startsWith(`${name}=${value};`));
    });
    if (!isKnown && !isUnsaved) return;
    const others = set.filter((cookie) => !names.some((name) => new RegExp(`^${name}=[^;]`).test(cookie)));
    if (others.length < set.length) res.setHeader('Set-Cookie', others);
  }

  private set(res: ServerResponse, name: string, value: string, lifetime = ''): void {
    res.appendHeader('Set-Cookie', `${name}=${value}; ${lifetime}${this.attributes}`);
  }

  private read({ headers }: IncomingMessage, name: string): string | undefined {
    return cookieValues(headers.cookie, name)[0];
  }
}
