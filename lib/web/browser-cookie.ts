/** Stores the secret browser keys in a cookie, which binds a pending login to its browser. */

import { formerKey, isSecretKey, validFormer, type BrowserKeys } from '../login/browser.js';
import { cookieValues } from '../util/cookies.js';

/** Longer than a pending login, to detect unfinished logins of a browser. Seconds. */
const maxAge = 60 * 60;

export class BrowserCookie {
  private readonly name: string;
  private readonly attributes: string;

  /** @param callbackURL its scheme decides whether the cookie is secure, because requests behind a proxy use http */
  constructor(name: string, callbackURL: string) {
    const isSecure = callbackURL.startsWith('https:');
    // The prefix prevents other hosts of the domain from setting the cookie (RFC 6265bis, section 4.1.3.2). An attacker
    // who sets it could log a victim in to the attacker's account.
    this.name = isSecure ? `__Host-${name}` : name;
    // Lax, because the browser returns from the instance by a cross-site navigation.
    this.attributes = `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  read(headers: Headers): BrowserKeys {
    for (const value of cookieValues(headers.get('cookie'), this.name)) {
      const [current = '', ...texts] = value.split('~');
      const former = validFormer(texts);
      if (isSecretKey(current)) return { current, former, all: [current, ...former.map(formerKey)] };
    }
    return { current: undefined, former: [], all: [] };
  }

  /** As a `Set-Cookie` header. */
  write({ current, former }: BrowserKeys): string {
    return `${this.name}=${[current, ...former].join('~')}; Max-Age=${maxAge}; ${this.attributes}`;
  }

  /** The `Set-Cookie` header that deletes it. */
  remove(): string {
    return `${this.name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${this.attributes}`;
  }
}
