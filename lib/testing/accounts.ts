/** The accounts of a testing instance, and their pictures. They are made up and have no passwords. */

import { escapeForPage } from '../pages/page.js';

/** An account of the instance. */
export interface AccountOptions {
  /** Letters, digits and `_`; other characters show how a site treats them. */
  readonly username: string;
  /** The server's own ID. Default: the position in the list, from `'1'`. */
  readonly id?: string;
  /** Default: the user name. */
  readonly displayName?: string;
  /** A sentence on the profile page. */
  readonly note?: string;
  /** The server refuses this account's tokens, as Mastodon does for a disabled login (403). Default false. */
  readonly disabled?: boolean;
  /** Texts of the account's posts, the newest first. Default: none. */
  readonly posts?: readonly string[];
  /** Replace fields of `/api/v1/accounts/verify_credentials`; `undefined` removes one. Default: none. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** An account with its defaults filled in. */
export type TestAccount = Required<AccountOptions>;

/** The third has a display name that shows whether a site escapes it. */
const defaults: readonly AccountOptions[] = [
  {
    username: 'wren',
    displayName: 'Wren Okafor',
    note: 'Keeps bees, and notes about bees.',
    posts: ['The first swarm of the year.'],
  },
  { username: 'tove', displayName: 'Tove Lindqvist 🌿', note: 'Ferns, mosses, slow trains.' },
  {
    username: 'mallory',
    displayName: 'Mallory <script>alert("hi")</script>',
    note: 'Tries what a site does with a name like this one.',
  },
];

/** @throws TypeError for an empty list, or for two accounts with one name or ID */
export function accountsOf(given: readonly (string | AccountOptions)[] = defaults): readonly TestAccount[] {
  const accounts = given.map((one, index) => {
    const options = typeof one === 'string' ? { username: one } : one;
    const { username } = options;
    return {
      id: String(index + 1),
      displayName: username,
      note: '',
      disabled: false,
      posts: [],
      fields: {},
      ...options,
    };
  });
  if (accounts.length === 0) throw new TypeError('startInstance: accounts must name at least one account');
  for (const key of ['username', 'id'] as const) {
    if (new Set(accounts.map((account) => account[key])).size < accounts.length) {
      throw new TypeError(`startInstance: two accounts have one ${key}`);
    }
  }
  return accounts;
}

const colours = [
  ['#2f6f5e', '#d9efe2'],
  ['#7a4b9d', '#efe3f8'],
  ['#9c3d2e', '#fbe4dd'],
] as const;

/** An SVG document: an initial on two circles, so that a page with a picture can be looked at. */
export function avatarOf({ displayName }: TestAccount, index: number): string {
  const [dark, light] = colours[index % colours.length] ?? colours[0];
  const initial = escapeForPage([...displayName][0]?.toUpperCase() ?? '?');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="192" height="192">
<rect width="96" height="96" fill="${light}"/>
<circle cx="78" cy="16" r="30" fill="${dark}" opacity=".18"/>
<circle cx="14" cy="88" r="36" fill="${dark}" opacity=".28"/>
<text x="48" y="64" text-anchor="middle" font-family="Georgia, serif" font-size="46" font-weight="700" fill="${dark}">${initial}</text>
</svg>`;
}
