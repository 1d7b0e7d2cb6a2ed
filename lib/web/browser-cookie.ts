/** Stores the secret browser keys in a cookie, which binds a pending login to its browser. */

import {
  formerAfterLogin,
  readFormer,
  writeFormer,
  type BrowserKeys,
  isSecretKey,
  randomToken,
} from '../login/browser.js';
import type { MastodonLogin } from '../login/login.js';
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
 */
export async function keysToBegin(
  known: BrowserKeys,
  login: Pick<MastodonLogin, 'hasFinished'>,
): Promise<BrowserKeys> {
  const { current, former } = known;
  if (current === undefined) return { current: randomToken(), former };
  if (!(await login.hasFinished(current))) return known;
  return { current: randomToken(), former: formerAfterLogin(known) };
}
