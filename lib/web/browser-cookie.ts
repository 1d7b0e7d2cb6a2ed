/** The browser's secret key, in a cookie: binds a pending login to the browser that began it. */

import {
  formerAfterLogin,
  readFormer,
  writeFormer,
  type BrowserKeys,
  isSecretKey,
  randomToken,
} from '../login/browser-keys.js';
import { cookieValues } from '../util/cookies.js';

/** Longer than a login lasts, to recognise a browser whose last login did not come back. Seconds. */
const maxAge = 60 * 60;

export class BrowserCookie {
  private readonly name: string;
  private readonly attributes: string;

  /** @param callbackURL tells whether browsers reach the site by https; a request behind a proxy does not */
  constructor(name: string, callbackURL: string) {
    const isSecure = callbackURL.startsWith('https:');
    // The prefix keeps other hosts of the domain from planting a cookie (RFC 6265bis, section 4.1.3.2): the owner of a planted
    // key could have a victim finish a login of the owner.
    this.name = isSecure ? `__Host-${name}` : name;
    // Lax: the browser comes back from the instance by a link from another site.
    this.attributes = `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  }

  read(headers: Headers): BrowserKeys {
    for (const value of cookieValues(headers.get('cookie'), this.name)) {
      const [current = '', ...former] = value.split('~');
      if (isSecretKey(current)) return { current, former: readFormer(former) };
    }
    return { current: undefined, former: [] };
  }

  /** As a `Set-Cookie` header. */
  write({ current, former }: BrowserKeys): string {
    const value = [current, ...former.map(writeFormer)].join('~');
    return `${this.name}=${value}; Max-Age=${maxAge}; ${this.attributes}`;
  }

  /** The `Set-Cookie` header that deletes it. */
  remove(): string {
    return `${this.name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${this.attributes}`;
  }
}

/**
 * The browser's keys, with a current one that may begin a login. The owner of a planted key knows it, so a key that finished
 * a login begins no other: it stays as a former one, for the logins that this browser began in other tabs.
 * @param hasFinished whether a login was finished with a key
 */
export async function keysToBegin(
  known: BrowserKeys,
  hasFinished: (key: string) => Promise<boolean>,
): Promise<BrowserKeys> {
  const { current, former } = known;
  if (current === undefined) return { current: randomToken(), former };
  if (!(await hasFinished(current))) return known;
  return { current: randomToken(), former: formerAfterLogin(known) };
}
