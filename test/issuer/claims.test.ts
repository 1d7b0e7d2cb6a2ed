/** The claims that a client of the issuer gets about a user. */

import {
  accountName,
  claimsOf,
  placeholderEmail,
  profileClaims,
  subjectOf,
} from '../../lib/issuer/claims.js';
import type { MastodonProfile } from '../../lib/login/profile.js';

const origin = 'https://mastodon.example';
const least = {
  id: `${origin}#7`,
  username: 'alice',
  displayName: 'Alice',
  handle: 'alice@mastodon.example',
  handleVerified: true,
  photos: [],
  instance: { origin, host: 'mastodon.example' },
} as unknown as MastodonProfile;
const all = {
  ...least,
  profileUrl: `${origin}/@alice`,
  photos: [{ value: `${origin}/alice.png` }, { value: `${origin}/second.png` }],
  actor: `${origin}/users/alice`,
  instance: { ...least.instance, software: 'mastodon' },
} as MastodonProfile;

const fewest = {
  name: 'Alice',
  preferred_username: 'alice@mastodon.example',
  nickname: 'alice',
  mastodon_handle: 'alice@mastodon.example',
  mastodon_handle_verified: true,
  mastodon_instance: origin,
};

it('is the profile, in the words of OpenID', () => {
  expect(claimsOf(all)).toEqual({
    ...fewest,
    profile: `${origin}/@alice`,
    picture: `${origin}/alice.png`,
    mastodon_actor: `${origin}/users/alice`,
    mastodon_software: 'mastodon',
  });
  expect(Object.keys(claimsOf(all)).sort()).toEqual([...profileClaims].sort());
});

it('leaves out what the profile leaves out', () => {
  expect(claimsOf(least)).toEqual(fewest);
  expect(Object.keys(claimsOf(least))).toHaveLength(6);
});

it('has no empty claim: a user name that makes no handle gives none', () => {
  const odd = { ...least, username: 'Jane Doe', handle: '', handleVerified: false };
  const claims = claimsOf(odd);
  expect(claims).toEqual({ name: 'Alice', nickname: 'Jane Doe', mastodon_instance: origin });
  expect(accountName(claims)).toBe('Alice (mastodon.example)');
  expect(accountName(claimsOf(least))).toBe('@alice@mastodon.example');
});

it('passes on whether a handle was proved', () => {
  expect(claimsOf({ ...least, handleVerified: false })).toMatchObject({ mastodon_handle_verified: false });
});

it('knows the account by its key, in at most 255 ASCII characters', () => {
  expect(subjectOf(least)).toBe(`${origin}#7`);
  const longest = `${origin}#`.padEnd(255, '7');
  expect(subjectOf({ ...least, id: longest })).toBe(longest);
});

it.each([
  ['is longer', `${origin}#`.padEnd(256, '7')],
  ['has a space', `${origin}#7 8`],
  ['has a letter beyond ASCII', `${origin}#ä`],
  ['has nothing in it', ''],
  ['begins with a line break', `\n${origin}#7`],
  ['ends with one', `${origin}#7\n`],
])('refuses a key that %s', (_what, id) => {
  expect(() => subjectOf({ ...least, id })).toThrow(
    expect.objectContaining({ code: 'response_invalid', instance: 'mastodon.example' }),
  );
});

it('makes an address of nothing but the subject, one for each, below the domain', () => {
  const email = placeholderEmail(`${origin}#7`, 'mastodon.invalid');
  expect(email).toMatch(/^[\da-f]{32}@mastodon\.invalid$/);
  expect(placeholderEmail(`${origin}#7`, 'mastodon.invalid')).toBe(email);
  expect(placeholderEmail(`${origin}#8`, 'mastodon.invalid')).not.toBe(email);
});
