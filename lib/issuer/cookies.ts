/** The issuer's cookies: their names, the browser's key, its last server, and the session of a visitor who is not logged in. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomToken } from '../login/state.js';
import { cookieValues } from '../util/cookies.js';
import { digest } from '../util/digest.js';
import { decrypt, encrypt } from '../util/encryption.js';
import type { AdapterPayload } from './oidc-provider.js';

/** Seconds; about as long as browsers keep anything. */
const remembered = 400 * 24 * 60 * 60;

/** How the content of a cookie is encrypted. */
const visitorPurpose = 'visitor session';

/** What the session of a visitor holds who is not logged in: the secret of the form that they see. */
interface VisitorSession {
  readonly id: string;
  readonly uid: string;
  readonly iat: number;
  readonly exp: number;
  readonly secret: string;
}

export class IssuerCookies {
  readonly names: {
    readonly session: string;
    readonly interaction: string;
    readonly resume: string;
    readonly browser: string;
    readonly server: string;
    readonly visitor: string;
  };
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
    // With this prefix no other host of the same domain can set a cookie here (RFC 6265bis, section 4.1.3.2), with which a
    // victim would go on in the attacker's session. It needs the whole host as its path.
    const host = isSecure ? '__Host-' : '';
    // These two have a path of their own for each login, so that several logins can be pending.
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
    this.set(res, this.names.browser, key);
    return key;
  }

  /** Where the last login of this browser was; anything may have been put there. */
  lastServer(req: Pick<IncomingMessage, 'headers'>): string | undefined {
    return this.read(req, this.names.server);
  }

  rememberServer(res: ServerResponse, host: string): void {
    this.set(res, this.names.server, host, `Max-Age=${remembered}; `);
  }

  /** The session with this ID of a visitor who is not logged in, if the browser has it. */
  visitorSession(req: Pick<IncomingMessage, 'headers'>, id: string): AdapterPayload | undefined {
    const value = this.read(req, this.names.visitor) ?? '';
    const [text] = this.keys().flatMap((key) => decrypt(key, visitorPurpose, value) ?? []);
    const kept = text === undefined ? undefined : (JSON.parse(text) as VisitorSession);
    if (kept?.id !== id) return undefined;
    const { uid, iat, exp, secret } = kept;
    return { kind: 'Session', jti: id, uid, iat, exp, state: { secret } };
  }

  /** @returns whether there was something to keep */
  keepVisitorSession(
    req: IncomingMessage,
    res: ServerResponse,
    id: string,
    payload: AdapterPayload,
  ): boolean {
    const { secret } = (payload.state ?? {}) as { readonly secret?: unknown };
    const [key = ''] = this.keys();
    if (typeof secret !== 'string') {
      if (this.read(req, this.names.visitor) !== undefined)
        this.set(res, this.names.visitor, '', 'Max-Age=0; ');
      return false;
    }
    const { uid = '', iat = 0, exp = 0 } = payload;
    const kept: VisitorSession = { id, uid, iat, exp, secret };
    this.set(res, this.names.visitor, encrypt(key, visitorPurpose, JSON.stringify(kept)));
    return true;
  }

  /**
   * Takes the session's cookie out of a response: where the session was not kept, and where the browser has it already, since a
   * slow response would undo a change of the cookie that came first.
   */
  dropSessionCookie(req: Pick<IncomingMessage, 'headers'>, res: ServerResponse, isUnsaved: boolean): void {
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

  private read({ headers }: Pick<IncomingMessage, 'headers'>, name: string): string | undefined {
    return cookieValues(headers.cookie, name)[0];
  }
}
