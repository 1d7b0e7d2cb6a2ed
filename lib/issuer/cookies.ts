/** The issuer's cookies: those of oidc-provider, and one with the session before the login. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { PageCookies } from '../pages/cookies.js';
import { decrypt, encrypt } from '../util/crypto.js';
import type { AdapterPayload } from './oidc-provider.js';

const visitorPurpose = 'visitor session';

export class IssuerCookies extends PageCookies {
  /** The cookies of oidc-provider. */
  readonly names = {
    session: this.nameOf('session'),
    // These have a path for each login, so that several logins can be pending.
    interaction: this.nameOf('login').replace('__Host-', '__Secure-'),
    resume: this.nameOf('resume').replace('__Host-', '__Secure-'),
  };

  /** @param keys secrets of the issuer, the first of which encrypts */
  constructor(
    issuerURL: string,
    private readonly keys: () => readonly string[],
  ) {
    super(issuerURL, 'issuer');
  }

  /** The session before the login, if the browser has one with this ID. */
  visitorSession(req: IncomingMessage, id: string): AdapterPayload | undefined {
    const value = this.read(req, 'visitor') ?? '';
    const [text] = this.keys().flatMap((key) => decrypt(key, visitorPurpose, value) ?? []);
    const kept = text === undefined ? undefined : (JSON.parse(text) as AdapterPayload);
    return kept?.jti === id ? kept : undefined;
  }

  /**
   * Writes the session of a visitor who is not logged in into a cookie, if it has the secret of a form that was shown.
   * Deletes the cookie otherwise.
   * @returns whether the session has such a secret
   */
  keepVisitorSession(req: IncomingMessage, res: ServerResponse, payload: AdapterPayload): boolean {
    const { secret } = (payload.state ?? {}) as { readonly secret?: unknown };
    const [key = ''] = this.keys();
    if (typeof secret === 'string')
      this.set(res, 'visitor', encrypt(key, visitorPurpose, JSON.stringify(payload)));
    else if (this.read(req, 'visitor') !== undefined) this.set(res, 'visitor', '', 0);
    return typeof secret === 'string';
  }

  /**
   * Removes the session's cookie from a response if the session was not stored, or if the browser already has this cookie: a
   * slow response would undo a later change of the cookie.
   */
  dropSessionCookie(req: IncomingMessage, res: ServerResponse, isUnsaved: boolean): void {
    const set = [res.getHeader('set-cookie') ?? []].flat().map(String);
    const isDropped = (cookie: string) =>
      ['session', 'session.sig'].some((name) => {
        const [given, value = ''] = cookie.split(/[=;]/, 2);
        return given === this.nameOf(name) && value !== '' && (isUnsaved || value === this.read(req, name));
      });
    res.setHeader(
      'Set-Cookie',
      set.filter((cookie) => !isDropped(cookie)),
    );
  }
}
