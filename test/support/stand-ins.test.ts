/** The stand-ins let the right person in, look at codes, and do what a test tells them. */

import { selfSigned } from './certificate.js';
import { startSplitPair } from './instance.js';
import {
  ask,
  authorizeURL,
  code,
  everyone,
  redeem,
  redirectURI,
  register,
  running,
  sound,
  start,
  stuck,
  verifier,
  verify,
} from './plain-client.js';
import { Visitor } from './visitor.js';

describe('the whole login', () => {
  test.each(everyone)('%s lets alice in', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const { status, json } = await redeem(standIn, client, await code(standIn, client));
    expect(status).toBe(200);
    expect(json.token_type).toBe('Bearer');
    const account = await verify(standIn, json.access_token as string);
    expect(account.json).toMatchObject({ username: 'alice', acct: 'alice', id: standIn.account('alice').id });
    expect([standIn.registrations, standIn.tokensIssued]).toEqual([1, 1]);
  });

  test.each(sound)('%s tells visitors apart by their codes', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const ofAlice = await code(standIn, client, 'alice');
    await code(standIn, client, 'bob');
    const { json } = await redeem(standIn, client, ofAlice);
    expect((await verify(standIn, json.access_token as string)).json.username).toBe('alice');
  });
});

describe('a code', () => {
  const refusedWith: Record<string, number> = { takahe: 401, iceshrimp: 401 };
  /** To a code that was issued; one that was never issued is a crash at Takahe. */
  const refusal = (name: string): number => refusedWith[name] ?? 400;

  test.each(sound)('that was made up is refused by %s', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    expect((await redeem(standIn, client, 'made-up')).status).toBe(name === 'takahe' ? 500 : refusal(name));
  });

  test.each(sound)('belongs to its client at %s', async (name) => {
    const standIn = await start(name);
    const [one, other] = [await register(standIn), await register(standIn)];
    expect((await redeem(standIn, other, await code(standIn, one))).status).toBe(refusal(name));
  });

  test.each(sound)('belongs to its redirect URI at %s', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const answer = await redeem(standIn, client, await code(standIn, client), {
      redirect_uri: `${redirectURI}/`,
    });
    const refusedURI: Record<string, number> = { gotosocial: 403, iceshrimp: 400 };
    expect(answer.status).toBe(refusedURI[name] ?? refusal(name));
  });

  test.each(sound)('is good once at %s, but again at Pleroma and Akkoma', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const text = await code(standIn, client);
    expect((await redeem(standIn, client, text)).status).toBe(200);
    const again = (await redeem(standIn, client, text)).status;
    expect(again).toBe(['pleroma', 'akkoma'].includes(name) ? 200 : refusal(name));
  });

  test.each([
    ['mastodon45', 10],
    ['takahe', 1],
    ['friendica', 5],
  ] as const)('of %s is good for %i minutes', async (name, minutes) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const [early, late] = [await code(standIn, client), await code(standIn, client)];
    standIn.advance((minutes - 0.1) * 60_000);
    expect((await redeem(standIn, client, early)).status).toBe(200);
    standIn.advance(0.2 * 60_000);
    expect((await redeem(standIn, client, late)).status).toBe(refusal(name));
  });

  test.each(sound)('with a wrong verifier is refused by %s where PKCE is enforced', async (name) => {
    const standIn = await start(name);
    const client = await register(standIn);
    const enforced = ['mastodon45', 'hollo', 'pixelfed'].includes(name);
    for (const changes of [{ code_verifier: `${verifier}x` }, { code_verifier: '' }]) {
      const { status } = await redeem(standIn, client, await code(standIn, client), changes);
      expect(status).toBe(enforced ? 400 : 200);
    }
  });

  test('is not looked at by snac: the last visitor it is', async () => {
    const standIn = await start('snac');
    const client = await register(standIn);
    const nobody = await redeem(standIn, client, 'x');
    expect(nobody.status).toBe(200);
    expect(await verify(standIn, nobody.json.access_token as string)).toMatchObject({
      status: 422,
      text: '',
    });
    const ofAlice = await code(standIn, client, 'alice');
    await code(standIn, client, 'bob');
    const { json } = await redeem(standIn, client, ofAlice, { redirect_uri: 'https://elsewhere.example' });
    expect((await verify(standIn, json.access_token as string)).json.username).toBe('bob');
  });

  test('and a second visitor are too much for an app of Sharkey', async () => {
    const standIn = await start('sharkey');
    const client = await register(standIn);
    expect((await redeem(standIn, client, 'x')).status).toBe(401);
    const text = await code(standIn, client);
    expect((await redeem(standIn, client, text)).status).toBe(200);
    expect((await redeem(standIn, client, text)).status).toBe(401);
    const page = await stuck(new Visitor().approve(authorizeURL(standIn, client), { as: 'bob' }));
    expect(page.status).toBe(404);
  });
});

describe('documents', () => {
  test.each(everyone)('%s says what it is', async (name) => {
    const { origin, host, persona } = await start(name);
    const index = await ask(`${origin}/.well-known/nodeinfo`);
    for (const { href } of index.json.links as { href: string }[]) {
      expect((await ask(href)).json.software.name).toBe(persona.software.name);
    }
    const v1 = await ask(`${origin}/api/v1/instance`);
    expect([host, origin]).toContain(v1.json.uri);
    expect((await ask(`${origin}/api/v2/instance`)).status).toBe(name === 'snac' ? 404 : 200);
    const jrd = await ask(`${origin}/.well-known/webfinger?resource=acct:alice@${host}`);
    expect(jrd.headers.get('content-type')).toContain('application/jrd+json');
    expect(jrd.json.subject).toBe(`acct:alice@${host}`);
    expect((await ask(`${origin}/.well-known/webfinger?resource=acct:nobody@${host}`)).status).toBe(404);
    const metadata = await ask(`${origin}/.well-known/oauth-authorization-server`);
    if (['mastodon45', 'hollo'].includes(name)) expect(metadata.json.issuer).toBe(`${origin}/`);
    else expect(metadata.status).toBe(404);
  });

  test.each(['redirect', 'direct', 'host-meta'] as const)(
    'an account domain that knows by %s',
    async (style) => {
      const pair = await startSplitPair('mastodon45', { style });
      running.push(pair);
      const { accountDomain, webHost } = pair;
      const finger = await ask(
        `${accountDomain.origin}/.well-known/webfinger?resource=acct:bob@${accountDomain.host}`,
      );
      expect(finger.status).toBe({ redirect: 301, direct: 200, 'host-meta': 404 }[style]);
      const meta = await ask(`${accountDomain.origin}/.well-known/host-meta`);
      expect(meta.text.includes(`template="${webHost.origin}/`)).toBe(style === 'host-meta');
      expect((await ask(`${accountDomain.origin}/api/v1/instance`)).status).toBe(404);
      const own = await ask(
        `${webHost.origin}/.well-known/webfinger?resource=acct:bob@${accountDomain.host}`,
      );
      expect(own.json.subject).toBe(`acct:bob@${accountDomain.host}`);
      expect((await ask(`${webHost.origin}/api/v1/instance`)).json.uri).toBe(accountDomain.host);
    },
  );
});

describe('a test', () => {
  test('sees requests and connections, and takes routes over', async () => {
    const standIn = await start('mastodon45');
    standIn.answer('GET /api/v1/instance', (_req, res) => void res.end('hostile'), { once: true });
    expect((await ask(`${standIn.origin}/api/v1/instance?a=b`)).text).toBe('hostile');
    expect((await ask(`${standIn.origin}/api/v1/instance`)).json.version).toBe('4.5.0');
    standIn.answerWith(/^GET \/api/, 503, { error: 'Remote data could not be fetched' });
    expect((await ask(`${standIn.origin}/api/v2/instance`)).status).toBe(503);
    expect(standIn.requestsTo('/api/v1/instance').map(({ query }) => query)).toEqual([{ a: 'b' }, {}]);
    expect(standIn.connections).toBe(3);
    standIn.resetRequests();
    expect(standIn.requests).toHaveLength(0);
  });

  test('can have https', async () => {
    const tls = selfSigned();
    const standIn = await start('mastodon45', { tls });
    expect(standIn.origin).toMatch(/^https:/);
    const { status } = await new Visitor().get(`${standIn.origin}/api/v1/instance`);
    expect(status).toBe(200);
  });

  test('can wait for an answer, and close while waiting', async () => {
    const standIn = await start('mastodon45');
    standIn.latencyMs = 60_000;
    const answer = ask(`${standIn.origin}/api/v1/instance`).catch(() => 'gone');
    while (standIn.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(standIn.openConnections()).toBe(1);
    await standIn.close();
    expect(await answer).toBe('gone');
    expect(standIn.openConnections()).toBe(0);
  });
});
