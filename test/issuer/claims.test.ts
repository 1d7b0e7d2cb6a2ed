/** The claims that a client of the issuer gets about a user. */

import {
  accountName,
  claimsFor,
  claimsOf,
  emailClaims,
  fitsHint,
  placeholderEmail,
  profileClaims,
  subjectOf,
} from '../../lib/issuer/claims.js';
import { readIssuerClient } from '../../lib/issuer/client-options.js';
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

it('the claims are the profile, in OpenID’s terms', () => {
  expect(claimsOf(all)).toEqual({
    ...fewest,
    profile: `${origin}/@alice`,
    picture: `${origin}/alice.png`,
    mastodon_actor: `${origin}/users/alice`,
    mastodon_software: 'mastodon',
  });
  expect(Object.keys(claimsOf(all)).sort()).toEqual([...profileClaims].sort());
});

it('the claims omit what the profile omits', () => {
  expect(claimsOf(least)).toEqual(fewest);
  expect(Object.keys(claimsOf(least))).toHaveLength(6);
});

it('no claim is empty: a user name that cannot be part of a handle leads to no handle', () => {
  const odd = { ...least, username: 'Jane Doe', handle: '', handleVerified: false };
  const claims = claimsOf(odd);
  expect(claims).toEqual({ name: 'Alice', nickname: 'Jane Doe', mastodon_instance: origin });
  expect(accountName(claims)).toBe('Alice (mastodon.example)');
  expect(accountName(claimsOf(least))).toBe('@alice@mastodon.example');
});

it('no claim of the user name looks like an address of another server', () => {
  const odd = { ...least, username: 'boss@bank.example', handle: '', handleVerified: false };
  expect(claimsOf(odd)).toEqual({ name: 'Alice', mastodon_instance: origin });
});

it('the claims tell whether the handle was verified', () => {
  expect(claimsOf({ ...least, handleVerified: false })).toMatchObject({ mastodon_handle_verified: false });
});

it('the claims identify the account by its key, in at most 255 ASCII characters', () => {
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

it('a placeholder address is made from the subject alone, one for each, below the domain', () => {
  const email = placeholderEmail(`${origin}#7`, 'mastodon.invalid');
  expect(email).toMatch(/^[\da-f]{32}@mastodon\.invalid$/);
  expect(placeholderEmail(`${origin}#7`, 'mastodon.invalid')).toBe(email);
  expect(placeholderEmail(`${origin}#8`, 'mastodon.invalid')).not.toBe(email);
});

describe('a client gets', () => {
  const subject = `${origin}#7`;
  const given = (setting: object, profile = all) =>
    claimsFor(
      readIssuerClient({ client_id: 'shop', ...setting }, 'clients[0]', undefined).own,
      subject,
      claimsOf(profile),
    );

  it('the subject and all claims of the account, and no e-mail address', () => {
    expect(given({})).toEqual({ sub: subject, ...claimsOf(all) });
  });

  it('the name without the server as preferred_username, if the setting says so', () => {
    expect(given({ preferred_username: 'handle' })).toEqual(given({}));
    expect(given({ preferred_username: 'nickname' })).toEqual({ ...given({}), preferred_username: 'alice' });
  });

  it.each(['handle', 'nickname'])('no preferred_username if the account has no %s', (setting) => {
    const nameless = { ...all, username: '', handle: '' };
    expect(Object.keys(given({ preferred_username: setting }, nameless))).toEqual(
      Object.keys(given({}, nameless)),
    );
    expect(given({ preferred_username: setting }, nameless)).not.toHaveProperty('preferred_username');
  });

  it('a placeholder address that is never verified, if the setting says so', () => {
    const email = placeholderEmail(subject, 'mastodon.invalid');
    expect(given({ placeholder_email: true })).toEqual({ ...given({}), email, email_verified: false });
    const own = placeholderEmail(subject, 'users.example.com');
    expect(given({ placeholder_email: { domain: 'users.example.com' } })).toMatchObject({ email: own });
  });
});

describe('a login_hint', () => {
  const claims = claimsOf({ ...least, handle: 'alice@example.org' });
  const fits = (hint: unknown, of = claims) => fitsHint(hint, of, new Set(['http://localhost:4000']));

  it.each([
    ['is absent', undefined],
    ['is no server and no handle', 'the one with the cat'],
    ['names a server alone', 'mastodon.example'],
    ['names another server alone', 'other.example'],
    ['is the handle', '@alice@example.org'],
    ['is the handle in capitals', '@ALICE@Example.org'],
    ['is the user at the server itself', 'alice@mastodon.example'],
    ['is the URL of the profile', 'https://mastodon.example/@alice'],
  ])('that %s fits', (_what, hint) => expect(fits(hint)).toBe(true));

  it.each([
    ['another user of the server', '@bob@mastodon.example'],
    ['another user of the domain', '@bob@example.org'],
    ['a user of the same name elsewhere', '@alice@other.example'],
  ])('that names %s does not fit', (_what, hint) => expect(fits(hint)).toBe(false));

  it('names an account without a handle by its user name', () => {
    const nameless = claimsOf({ ...least, handle: '' });
    expect(fits('@alice@mastodon.example', nameless)).toBe(true);
    expect(fits('@bob@mastodon.example', nameless)).toBe(false);
  });

  it('may name a server of the option developmentInstances', () => {
    const local = claimsOf({
      ...least,
      handle: '',
      instance: { origin: 'http://localhost:4000', host: 'localhost:4000' },
    });
    expect(fits('@alice@localhost:4000', local)).toBe(true);
    expect(fits('@bob@localhost:4000', local)).toBe(false);
  });
});

it('announces in the discovery document every claim that a client can get', () => {
  const own = { emailDomain: 'mastodon.invalid', usesNickname: false } as never;
  const claims = Object.keys(claimsFor(own, 'sub', claimsOf(all)));
  expect(claims.sort()).toEqual(['sub', ...profileClaims, ...emailClaims].sort());
});
