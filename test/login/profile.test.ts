/** What of an account's answer becomes the profile. (Who may claim what: test/security/be-somebody-else.) */

import { buildProfile, readClaims } from '../../lib/login/profile.js';
import { anInstanceRecord, codeThrownBy } from '../support/stage.js';

const instance = anInstanceRecord({ software: 'mastodon' });
const honest = {
  id: '7112',
  username: 'alice',
  acct: 'alice',
  display_name: 'Alice',
  url: 'https://social.example/@alice',
  uri: 'https://social.example/users/alice',
  avatar: 'https://files.example/alice.png',
};
const answer = (json: Record<string, unknown>) => ({ raw: JSON.stringify(json), json });
const profileOf = (changes: Record<string, unknown>, proof?: Parameters<typeof buildProfile>[3]) => {
  const account = answer({ ...honest, ...changes });
  return buildProfile(instance, account, readClaims(account, instance), proof);
};
const proof = {
  handle: 'alice@example.com',
  actor: 'https://social.example/users/alice',
  origin: 'https://social.example',
};

it('an account of a server whose handles have its own name', () => {
  expect(profileOf({})).toEqual({
    provider: 'mastodon',
    id: 'https://social.example#7112',
    username: 'alice',
    displayName: 'Alice',
    profileUrl: 'https://social.example/@alice',
    photos: [{ value: 'https://files.example/alice.png' }],
    handle: 'alice@social.example',
    handleVerified: true,
    actor: 'https://social.example/users/alice',
    instance: { origin: 'https://social.example', host: 'social.example', software: 'mastodon' },
    _raw: JSON.stringify(honest),
    _json: honest,
  });
});

it('an account whose handle has a proved domain of its own', () => {
  const changes = { acct: 'Alice@Example.com', username: 'Alice', url: 'https://example.com/@Alice' };
  expect(profileOf(changes, proof)).toMatchObject({
    id: 'https://social.example#7112',
    handle: 'Alice@example.com',
    handleVerified: true,
    actor: proof.actor,
    profileUrl: 'https://example.com/@Alice',
  });
});

it('the proved actor counts, not another one that is claimed', () => {
  expect(profileOf({ uri: 'https://social.example/users/bob' }, proof).actor).toBe(proof.actor);
});

it('the same account before and after its server tells uri is the same user', () => {
  expect(profileOf({ uri: undefined }).id).toBe(profileOf({}).id);
});

it.each([
  ['no display name', { display_name: '' }, { displayName: 'alice' }],
  ['only spaces', { display_name: ' \n ' }, { displayName: 'alice' }],
  ['a display name that is an object', { display_name: {} }, { displayName: 'alice' }],
  ['an integer id', { id: 114_211_000_000 }, { id: 'https://social.example#114211000000' }],
  ['a ULID', { id: '01HZ8Y3T5W9QK4RD6M2N7PXB0' }, { id: 'https://social.example#01HZ8Y3T5W9QK4RD6M2N7PXB0' }],
  ["Pleroma's actor", { uri: undefined, pleroma: { ap_id: honest.uri } }, { actor: honest.uri }],
  ['a user name in another script', { username: 'алиса' }, { handle: 'алиса@social.example' }],
])('with %s', (_what, changes, expected) => {
  expect(profileOf(changes)).toMatchObject(expected);
});

it.each([
  ['profileUrl', { url: undefined }],
  ['profileUrl', { url: '/@alice' }],
  ['actor', { uri: undefined }],
  ['actor', { uri: undefined, pleroma: 'x' }],
  ['actor', { uri: undefined, pleroma: null }],
])('%s is absent, not undefined, with %j', (field, changes) => {
  expect(profileOf(changes)).not.toHaveProperty(field);
});

it('there is no photo without an avatar', () => {
  expect(profileOf({ avatar: null }).photos).toEqual([]);
});

it.each([
  undefined,
  null,
  '',
  'alice@evil',
  'al ice',
  'alice\n',
  '.',
  'a/b',
  '<b>',
  'a\u202eb',
  'x'.repeat(300),
  7,
  {},
  ['alice'],
])('the user name %j is none', (username) => {
  expect(codeThrownBy(() => profileOf({ username }))).toBe('response_invalid');
});
