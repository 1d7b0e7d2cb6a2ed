/** The stand-ins’ authorize pages judge at least as strictly as those of the servers they stand for. */

import { type PersonaName } from './instance.js';
import { authorizeURL, code, everyone, redeem, redirectURI, register, start, stuck } from './plain-client.js';
import { Visitor } from './visitor.js';

describe('the authorize page', () => {
  const wrong: [string, Record<string, string>][] = [
    ['another redirect URI', { redirect_uri: `${redirectURI}/more` }],
    ['a query added to the redirect URI', { redirect_uri: `${redirectURI}?a=b` }],
    ['an unknown client', { client_id: 'unknown' }],
    ['another response type', { response_type: 'token' }],
  ];
  const cases = everyone.flatMap((name) => wrong.map(([what, changes]) => [name, what, changes] as const));
  // Friendica is the one that does not see the query.
  const judged = cases.filter(([name, what]) => name !== 'friendica' || !what.startsWith('a query'));

  test.each(judged)('of %s keeps whoever comes with %s', async (name, _what, changes) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const page = await stuck(new Visitor().approve(authorizeURL(standIn, client, changes)));
    expect(page.url.startsWith(standIn.origin)).toBe(true);
    expect(standIn.codes.size).toBe(0);
  });

  test.each(['mastodon45', 'mastodon42', 'hollo'] as const)(
    'of %s compares scopes literally',
    async (name) => {
      const standIn = await start(name);
      const client = await register(standIn, 'read');
      for (const scope of ['read:accounts', 'read write', 'write']) {
        await stuck(new Visitor().approve(authorizeURL(standIn, client, { scope })));
      }
    },
  );

  test.each(['gotosocial', 'pleroma', 'friendica'] as const)(
    'of %s takes a part of a scope',
    async (name) => {
      const standIn = await start(name);
      const client = await register(standIn, 'read');
      await new Visitor().approve(authorizeURL(standIn, client, { scope: 'read:accounts' }));
      await stuck(new Visitor().approve(authorizeURL(standIn, client, { scope: 'write' })));
    },
  );

  test.each([
    ['mastodon45', 401],
    ['mastodon42', 200],
    ['gotosocial', 500],
    ['hollo', 400],
    ['friendica', 422],
    ['snac', 400],
  ] as const)('of %s answers %i to a forgotten app', async (name, status) => {
    const standIn = await start(name);
    const client = await register(standIn);
    standIn.forgetApps();
    expect((await stuck(new Visitor().approve(authorizeURL(standIn, client)))).status).toBe(status);
  });

  test('of Pixelfed sends an unknown scope to the callback, without state', async () => {
    const standIn = await start('pixelfed');
    const client = await register(standIn, 'read:accounts');
    const back = await new Visitor().approve(authorizeURL(standIn, client, { scope: 'read:accounts' }));
    expect(Object.fromEntries(new URL(back).searchParams)).toMatchObject({ error: 'invalid_scope' });
    expect(new URL(back).searchParams.has('state')).toBe(false);
  });

  test.each(['mastodon45', 'hollo'] as const)('of %s wants a method beside the challenge', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const url = new URL(authorizeURL(standIn, client));
    url.searchParams.delete('code_challenge_method');
    await stuck(new Visitor().approve(url.href));
  });

  test('of Iceshrimp has a button to deny that leads nowhere', async () => {
    const standIn = await start('iceshrimp');
    const page = await stuck(new Visitor().deny(authorizeURL(standIn, await register(standIn))));
    expect([page.status, page.url]).toEqual([200, `${standIn.origin}/oauth/authorize`]);
    expect(standIn.codes.size).toBe(0);
  });

  test.each([
    ['mastodon45', 'a-state'],
    ['wordpress', 'a-state'],
    ['hollo', null],
  ] as const)('of %s has a button to deny', async (name, state) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const { searchParams } = new URL(await new Visitor().deny(authorizeURL(standIn, client)));
    expect([searchParams.get('error'), searchParams.get('state')]).toEqual(['access_denied', state]);
  });

  test.each(['gotosocial', 'takahe', 'snac', 'pleroma'] as const)(
    'of %s has no such button',
    async (name) => {
      const standIn = await start(name);
      await stuck(new Visitor().deny(authorizeURL(standIn, await register(standIn))));
      expect(standIn.codes.size).toBe(0);
    },
  );

  test('of Mastodon asks once, and again with force_login', async () => {
    const standIn = await start('mastodon45');
    const client = await register(standIn);
    const visitor = new Visitor();
    await redeem(standIn, client, await code(standIn, client, 'alice', visitor));
    const skipping = await visitor.get(authorizeURL(standIn, client, { force_login: 'false' }));
    expect(skipping.location).toContain(`${redirectURI}?code=`);
    expect((await visitor.get(authorizeURL(standIn, client))).location).toBeUndefined();
  });

  test.each(['pleroma', 'akkoma'] as const)('of %s goes wrong without force_login', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const visitor = new Visitor();
    const text = await code(standIn, client, 'alice', visitor);
    const { location = '' } = await visitor.get(authorizeURL(standIn, client, { force_login: 'false' }));
    const { searchParams } = new URL(location);
    if (name === 'pleroma') expect([...searchParams.keys()]).toEqual(['access_token', 'state']);
    else expect(searchParams.get('code')).toBe(text);
    expect(await code(standIn, client, 'alice', visitor)).not.toBe(text);
  });

  test('of GoToSocial sorts the parameters, and snac leaves state as it is', async () => {
    const uri = `${redirectURI}?zebra=1&apple=2`;
    const backFrom = async (name: PersonaName) => {
      const standIn = await start(name);
      const url = authorizeURL(standIn, await register(standIn, 'read', uri), {
        redirect_uri: uri,
        state: 'a/b',
      });
      return new Visitor().approve(url);
    };
    expect([...new URL(await backFrom('gotosocial')).searchParams.keys()]).toEqual([
      'apple',
      'code',
      'state',
      'zebra',
    ]);
    expect(await backFrom('snac')).toMatch(/\?zebra=1&apple=2&code=[\w-]+&state=a\/b$/);
  });
});
