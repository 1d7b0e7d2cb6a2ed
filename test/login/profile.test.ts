/** How an account becomes the profile. (What another user may claim: test/security/be-another-user.) */

import type { Fetcher } from '../../lib/discovery/webfinger.js';
import { MastodonError } from '../../lib/errors.js';
import { buildProfile, confirmHandle, readClaims } from '../../lib/login/profile.js';
import { anInstanceRecord, answerOf, codeThrownBy, fetching } from '../support/records.js';

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
  return buildProfile(instance, account, readClaims(account, instance, new Set()), proof);
};
const proof = {
  handle: 'alice@example.com',
  actor: 'https://social.example/users/alice',
  origin: 'https://social.example',
};

it('an account at a server whose handles have the domain of the server', () => {
  expect(profileOf({})).toEqual({
    provider: 'mastodon',
    id: 'https://social.example#7112',
    localId: '7112',
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

it('an account whose handle has a verified domain of its own', () => {
  const changes = { acct: 'Alice@Example.com', username: 'Alice', url: 'https://example.com/@Alice' };
  expect(profileOf(changes, proof)).toMatchObject({
    id: 'https://social.example#7112',
    handle: 'Alice@example.com',
    handleVerified: true,
    actor: proof.actor,
    profileUrl: 'https://example.com/@Alice',
  });
});

it('the verified actor counts, not another one that is claimed', () => {
  expect(profileOf({ uri: 'https://social.example/users/bob' }, proof).actor).toBe(proof.actor);
});

it('the same account before and after its server sends uri is the same user', () => {
  expect(profileOf({ uri: undefined }).id).toBe(profileOf({}).id);
});

it.each([
  ['no display name', { display_name: '' }, { displayName: 'alice' }],
  ['half of a character', { display_name: '\ud800X' }, { displayName: 'X' }],
  ['only spaces', { display_name: ' \n ' }, { displayName: 'alice' }],
  ['a display name that is an object', { display_name: {} }, { displayName: 'alice' }],
  ['an acct in other capitals', { acct: 'Alice' }, { handle: 'alice@social.example', handleVerified: true }],
  ['an acct that is no text', { acct: 7 }, { handle: 'alice@social.example', handleVerified: true }],
  ['the first of all ids', { id: 0 }, { id: 'https://social.example#0' }],
  ['a long id', { id: '7'.repeat(128) }, { id: `https://social.example#${'7'.repeat(128)}` }],
  ['a long user name', { username: 'x'.repeat(256) }, { username: 'x'.repeat(256) }],
  ['a long display name', { display_name: 'x'.repeat(501) }, { displayName: 'x'.repeat(500) }],
  ['a display name without end', { display_name: '𝐚'.repeat(900) }, { displayName: '𝐚'.repeat(500) }],
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

it('the software of an instance that does not name it is absent, too', () => {
  const account = answer(honest);
  const untold = anInstanceRecord();
  const profile = buildProfile(untold, account, readClaims(account, untold, new Set()), undefined);
  expect(profile.instance).toStrictEqual({ origin: 'https://social.example', host: 'social.example' });
});

it.each([
  [null],
  ['https://'],
  ['javascript:alert(1)//https://files.example/'],
  ['view-source:https://files.example/alice.png'],
  ['x-https://files.example/alice.png'],
  ['https://user@files.example/alice.png'],
  ['https://:pass@files.example/alice.png'],
  ["https://files.example'onerror='alert(1)/"],
  ["https://'files.example/"],
  ['https://x"onerror="alert(1)/'],
  [' javascript:alert(1)'],
  ['java\nscript:alert(1)'],
  ['data:text/html,x'],
  ['//evil.example/x'],
  ['ftp://evil.example'],
  ['\0https://x'],
  [7],
  [['https://social.example/alice.png']],
  ['https://social.example/'.padEnd(2049, 'a')],
])('there is no photo, page or actor at %j', (url) => {
  const account = answer({ ...honest, avatar: url, url, uri: url });
  const nothing = { avatar: undefined, url: undefined, actor: undefined };
  expect(readClaims(account, instance, new Set())).toMatchObject(nothing);
  const profile = profileOf({ avatar: url, url, uri: url });
  expect(profile.photos).toEqual([]);
  expect(profile).not.toHaveProperty('profileUrl');
  expect(profile).not.toHaveProperty('actor');
});

it.each(['avatar', 'url', 'uri'])('what could break out of an attribute is encoded in %s', (field) => {
  const { profileUrl, actor, photos } = profileOf({
    [field]: 'https://social.example/"><script>alert(1)</script>',
  });
  expect(JSON.stringify([profileUrl, actor, photos])).not.toMatch(/<|>|\\"/);
});

it('the address of a picture, page or actor has at most 2048 characters', () => {
  const url = 'https://social.example/'.padEnd(2048, 'a');
  expect(profileOf({ avatar: url, url, uri: url })).toMatchObject({
    photos: [{ value: url }],
    profileUrl: url,
    actor: url,
  });
});

it.each<unknown>([
  ...[undefined, null, '', ' ', '7 ', ' 7', '7\n', '7\0', '7#8', '7@x', '7/8', '7?x', '../7', '7%23', '７'],
  ...['\u202e7', '7\u200b', '7'.repeat(129)],
  ...[{ toString: '7' }, true, {}, [], ['7'], [7], -1, 1.5, 1e300, 2 ** 53],
])('the id %j is not accepted', (id) => {
  expect(codeThrownBy(() => profileOf({ id }))).toBe('response_invalid');
});

it.each([
  ['user name', { username: '' }, /username/],
  ['id', { id: '' }, /id/],
])('an account without a usable %s is reported with the name of its server', (_what, changes, why) => {
  const cause = expect.objectContaining({ message: expect.stringMatching(why) as unknown }) as unknown;
  expect(() => profileOf(changes)).toThrow(expect.objectContaining({ instance: 'social.example', cause }));
});

it.each([
  undefined,
  null,
  '',
  'alice ',
  ' alice',
  '@evil',
  '\u0301alice',
  'al\u200bice',
  'al\u00adice',
  'al\u200fice',
  'alice\u1160',
  'al\u034fice',
  'alice\ufe0f',
  'a"b',
  "a'b",
  'a&b',
  'a\\b',
  'a\u00a0b',
  '--',
  'alice\n',
  '.',
  'a/b',
  '<b>',
  'a\u202eb',
  'x'.repeat(257),
  7,
  {},
  ['alice'],
])('the user name %j is not accepted', (username) => {
  expect(codeThrownBy(() => profileOf({ username }))).toBe('response_invalid');
});

it.each([
  ['Jane Doe', ''],
  ['jane@shop.example', ''],
  ['jane+news', ''],
  ['ａｌｉｃｅ', ''],
  ['𝐚𝐥𝐢𝐜𝐞', ''],
  ['jane-', 'jane-@social.example'],
  ['-jane', '-jane@social.example'],
  ['jane.', 'jane.@social.example'],
  ['Jane', 'Jane@social.example'],
  ['zoe\u0308', 'zoe\u0308@social.example'],
  ['हिन्दी', 'हिन्दी@social.example'],
])('the user name %j logs in; the handle is %j', (username, handle) => {
  const profile = profileOf({ username, acct: username, display_name: '' });
  expect(profile).toMatchObject({
    id: 'https://social.example#7112',
    username,
    displayName: username,
    handle,
    handleVerified: handle !== '',
  });
});

it('a user name that is an address elsewhere makes no handle there', () => {
  const profile = profileOf({ username: 'alice@mastodon.example', acct: 'alice@mastodon.example' });
  expect(profile).toMatchObject({ id: 'https://social.example#7112', handle: '', handleVerified: false });
});

it.each([
  ['a soft hyphen', 'so\u00adcial.example'],
  ['a space without width', 'social\u200b.example'],
  ['an ideographic full stop', 'social。example'],
  ['full-width letters', 'ｓocial.example'],
  ['capitals', 'SOCIAL.example'],
])('the domain is never spelt with %s', (_what, domain) => {
  expect(profileOf({ acct: `alice@${domain}` })).toMatchObject({
    handle: 'alice@social.example',
    handleVerified: true,
  });
});

/** The profile, after the requests that confirm the handle. */
async function profileWith(fetcher: Fetcher, json: Record<string, unknown>, at = instance) {
  const account = answer(json);
  const claims = readClaims(account, at, fetcher.developmentOrigins);
  const { handleToConfirm: handle } = claims;
  const confirmed = handle === undefined ? undefined : await confirmHandle(fetcher, at, handle, claims);
  return buildProfile(at, account, claims, confirmed);
}

describe('a handle of another domain', () => {
  /** Every server answers with this JRD. */
  const login = (jrd: object | undefined, changes: object = {}, at = instance) => {
    const asked: string[] = [];
    const fetcher = fetching(async (url) => {
      asked.push(decodeURIComponent(url));
      return jrd && url.includes('webfinger') ? answerOf(200, jrd) : answerOf(404, '');
    });
    return profileWith(fetcher, { ...honest, ...changes }, at).then((profile) => ({ profile, asked }));
  };
  const jrd = (subject: string, href = honest.uri) => ({
    subject: `acct:${subject}`,
    links: [{ rel: 'self', type: 'application/activity+json', href }],
  });

  it('is looked up as it is spelt, and verified', async () => {
    const { profile, asked } = await login(jrd('Alice@example.com'), {
      username: 'Alice',
      acct: 'Alice@EXAMPLE.com',
    });
    expect(profile).toMatchObject({ handle: 'Alice@example.com', handleVerified: true });
    expect(asked.every((url) => url.endsWith('acct:Alice@example.com'))).toBe(true);
  });

  it('is verified if the account names no actor, and the actor is then the verified one', async () => {
    const { profile } = await login(jrd('alice@example.com'), { acct: 'alice@example.com', uri: undefined });
    expect(profile).toMatchObject({
      handle: 'alice@example.com',
      handleVerified: true,
      actor: 'https://social.example/users/alice',
    });
  });

  it.each([
    ['both say that it is of another server', jrd('alice@example.com', 'https://other.example/users/alice')],
    ['both call it by another name', jrd('bob@example.com')],
    ['neither knows it', undefined],
  ])('is not verified where %s', async (_what, document) => {
    const { profile } = await login(document, { acct: 'alice@example.com' });
    expect(profile).toMatchObject({
      handle: 'alice@social.example',
      handleVerified: false,
      actor: honest.uri,
    });
  });

  it('is not verified if requests to its domain are not allowed, and the login continues', async () => {
    const fetcher = fetching(() => Promise.reject(new MastodonError('instance_not_allowed')));
    const profile = await profileWith(fetcher, { ...honest, acct: 'alice@example.com' });
    expect(profile).toMatchObject({ handle: 'alice@social.example', handleVerified: false });
  });

  it.each([
    ['the handle is of the server itself', {}],
    ['the user name makes no handle', { username: 'Jane Doe', acct: 'Jane Doe@example.com' }],
  ])('is not looked up if %s', async (_what, changes) => {
    expect((await login(jrd('alice@example.com'), changes)).asked).toEqual([]);
  });

  it('is looked up even at the server’s own domain if a server, like Misskey, names no actor', async () => {
    const misskey = { ...instance, api: 'misskey' } as const;
    const { profile, asked } = await login(jrd('alice@social.example'), { uri: undefined }, misskey);
    expect(profile).toMatchObject({ handle: 'alice@social.example', actor: honest.uri });
    expect(asked).toEqual([
      'https://social.example/.well-known/webfinger?resource=acct:alice@social.example',
    ]);
  });

  it('that differs in upper and lower case is verified only if the account names the same actor', async () => {
    const changes = { username: 'Alice', acct: 'Alice@example.com' };
    const named = await login(jrd('alice@example.com'), changes);
    expect(named.profile).toMatchObject({ handle: 'Alice@example.com', handleVerified: true });
    for (const uri of [undefined, 'https://social.example/users/Alice']) {
      const { profile } = await login(jrd('alice@example.com'), { ...changes, uri });
      expect(profile).toMatchObject({ handle: 'Alice@social.example', handleVerified: false });
      expect(profile.actor).toBe(uri);
    }
  });

  it.each(['ex\u00adample.com', 'example\u200b.com', 'example。com', 'ｅxample.com'])(
    'is verified in one spelling, and %j is not that',
    async (domain) => {
      const { profile, asked } = await login(jrd(`alice@${domain}`), { acct: `alice@${domain}` });
      expect(profile).toMatchObject({ handle: 'alice@example.com', handleVerified: true });
      expect(asked[0]).toBe('https://example.com/.well-known/webfinger?resource=acct:alice@example.com');
    },
  );

  it('that has look-alike letters in its domain is shown in ASCII', async () => {
    const { profile, asked } = await login(jrd('alice@exаmple.com'), { acct: 'alice@exаmple.com' });
    expect(profile).toMatchObject({ handle: 'alice@xn--exmple-4nf.com', handleVerified: true });
    expect(new URL(asked[0] ?? '').host).toBe('xn--exmple-4nf.com');
  });

  it('is not looked up if it is not a public name', async () => {
    for (const domain of ['localhost', '127.0.0.1', '[::1]', 'example.com:8443', 'x']) {
      const { profile, asked } = await login(jrd(`alice@${domain}`), { acct: `alice@${domain}` });
      expect([profile.handle, profile.handleVerified, asked]).toEqual(['alice@social.example', false, []]);
    }
  });
});

it.each([
  'http://169.254.169.254/latest/meta-data/',
  'http://localhost/a.png',
  'http://[::1]/a.png',
  'http://2130706433/a.png',
  'https://8.8.8.8/a.png',
  'https://router.local/a.png',
  'https://intranet/a.png',
  'https://metadata.google.internal/a.png',
])('no picture is at %s', (avatar) => {
  expect(profileOf({ avatar }).photos).toEqual([]);
});

it('no profile page is at an inner address, and a development instance’s picture is at its own', () => {
  expect(profileOf({ url: 'http://127.0.0.1/@alice' })).not.toHaveProperty('profileUrl');
  const local = anInstanceRecord({ origin: 'http://localhost:4000' });
  for (const [avatar, count] of [
    ['http://localhost:4000/a.png', 1],
    ['http://localhost:4001/a.png', 0],
  ] as const) {
    const account = answer({ ...honest, avatar });
    expect(
      buildProfile(local, account, readClaims(account, local, new Set([local.origin])), undefined).photos,
    ).toHaveLength(count);
  }
});
