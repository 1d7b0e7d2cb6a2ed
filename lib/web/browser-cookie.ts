/** The browser's secret key, in a cookie: what binds a begun login to the browser that began it. */

import { formerAfterLogin, readFormer, writeFormer, type BrowserKeys } from '../login/browser-keys.js';
import { isState, randomToken } from '../login/state.js';

/** Longer than a login lasts, to recognise a browser whose last one did not come back. Seconds. */
const maxAge = 60 * 60;

export class BrowserCookie {
  private readonly name: string;
  private readonly attributes: string;

  /** @param callbackURL tells whether browsers reach the site by https; a request behind a proxy does not */
  constructor(name: string, callbackURL: string) {
    const isSecure = callbackURL.startsWith('https:');
    // The prefix keeps other hosts of the same domain from planting a cookie (RFC 6265bis, section 4.1.3.2): who planted
    // their own could have a victim finish a login that they began.
    this.name = isSecure ? `__Host-${name}` : name;
    // Lax: the browser comes back from the instance by a link from another site.
    this.attributes = `Max-Age=${maxAge}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  read(headers: Headers): BrowserKeys {
    for (const pair of (headers.get('cookie') ?? '').split(';')) {
      const [name, value = ''] = pair.trim().split('=', 2);
      if (name !== this.name) continue;
      const [current = '', ...former] = value.split('~');
      if (isState(current)) return { current, former: readFormer(former) };
    }
    return { current: undefined, former: [] };
  }

  /** As a `Set-Cookie` header. */
  write({ current, former }: BrowserKeys): string {
    const value = [current, ...former.map(writeFormer)].join('~');
    return `${this.name}=${value}; ${this.attributes}`;
  }
}

/** The same keys, with a current one for a browser that has none. */
export function withCurrent({ current = randomToken(), former }: BrowserKeys): BrowserKeys {
  return { current, former };
}

/**
 * After a login the browser gets another key: whoever planted the one before could finish logins begun with it. Those that
 * this browser began in other tabs can be finished still, for as long as they last.
 */
export function rotated(keys: BrowserKeys): BrowserKeys {
  return { current: randomToken(), former: formerAfterLogin(keys) };
}
