/** The messages between program and bridge, word for word, and every outcome of a login. */

import { once } from 'node:events';
import WebSocket from 'ws';
import { soundFamilies, startInstance, type StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, press, startBridge, until } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

describe('a login', () => {
  it('goes from a host to a token', async () => {
    const { connect, origin } = await startBridge([instance]);
    const client = await connect();
    client.ask(instance.host);
    await until(() => client.heard.length > 0);
    const [setId] = client.heard;
    const { id, url, code, expires } = setId.parameters;
    expect(setId).toEqual({ type: 'set-id', arguments: { id }, parameters: { id, url, code, expires } });
    expect(id).toMatch(/^[\w-]{24}$/);
    expect(url).toBe(`${origin}/auth/${id}`);
    expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{3}-[BCDFGHJKLMNPQRSTVWXZ]{3}$/);
    expect(expires - Date.now()).toBeGreaterThan(590_000);
    expect(expires - Date.now()).toBeLessThanOrEqual(600_000);
    client.heard.length = 0;

    const page = await agree(new Visitor(), url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('You may close this window');
    expect(page.text).toContain(`alice@${instance.host}`);
    expect(page.text).toContain('A game under test');

    const { token, ...rest } = await client.hear('fulfill');
    expect(instance.tokens.get(token)).toMatchObject({ username: 'alice' });
    expect(rest).toMatchObject({
      scope: 'profile',
      account: {
        id: `${instance.origin}#${instance.account('alice').id}`,
        username: 'alice',
        displayName: 'Alice',
        handle: `alice@${instance.host}`,
        handleVerified: true,
      },
      instance: { origin: instance.origin, host: instance.host, software: 'mastodon' },
    });
    expect(JSON.stringify(rest)).not.toMatch(/_raw|_json/);
    expect(page.text + JSON.stringify(page.headers)).not.toContain(token);
  });

  it('works for a client that knows only arguments.id and parameters.token, and sends hostname', async () => {
    const { origin } = await startBridge([instance]);
    const socket = new WebSocket(origin.replace('http', 'ws'));
    await once(socket, 'open');
    const next = async () => JSON.parse(String(((await once(socket, 'message')) as [Buffer])[0]));
    const id = next();
    socket.send(JSON.stringify({ type: 'auth', parameters: { hostname: instance.host } }));
    const { type, arguments: args } = await id;
    expect(type).toBe('set-id');
    const token = next();
    await agree(new Visitor(), `${origin}/auth/${args.id}`);
    const fulfilled = await token;
    expect(fulfilled.type).toBe('fulfill');
    expect(instance.tokens.has(fulfilled.parameters.token)).toBe(true);
    socket.terminate();
  });

  it('asks for the configured scopes', async () => {
    const { connect } = await startBridge([instance], { scope: ['read', 'profile'] });
    const client = await connect();
    const { url } = await client.request(instance.host);
    await agree(new Visitor(), url);
    expect((await client.hear('fulfill')).scope).toBe('read profile');
  });

  it('works for several requests of one client and one browser at once', async () => {
    const { connect } = await startBridge([instance]);
    const client = await connect();
    const requests = [await client.request(instance.host), await client.request(instance.host)];
    const visitor = new Visitor();
    const pages = [];
    for (const { url } of requests) pages.push(await press(visitor, url));
    const callbacks = [];
    for (const [index, { location }] of pages.entries()) {
      callbacks.push(await visitor.approve(location ?? '', { as: index === 0 ? 'alice' : 'bob' }));
    }
    // A browser has one session at Mastodon, so the first account consented twice. Each request got its own
    // response.
    for (const callback of callbacks.reverse()) expect((await visitor.get(callback)).status).toBe(200);
    await client.hear('fulfill');
    await client.hear('fulfill');
  });

  it('ends with a result that names its request, so that a client does not confuse its users', async () => {
    const { connect } = await startBridge([instance], { limits: { requestTtlMs: 2_000 } });
    const client = await connect();
    const [mine, refused, forgotten] = [
      await client.request(instance.host),
      await client.request(instance.host),
      await client.request(instance.host),
    ];
    const other = new Visitor();
    await other.get(await other.deny((await press(other, refused.url)).location ?? ''));
    expect(await client.hear('error')).toMatchObject({ code: 'access_denied', id: refused.id });
    await agree(new Visitor(), mine.url);
    expect((await client.hear('fulfill')).id).toBe(mine.id);
    expect(await client.hear('error')).toMatchObject({ code: 'login_expired', id: forgotten.id });
  });

  it.each(soundFamilies)('works at %s', async (family) => {
    const other = await startInstance(family);
    const { connect } = await startBridge([other]);
    const client = await connect();
    const { url } = await client.request(other.host);
    await agree(new Visitor(), url);
    const { token, scope } = await client.hear('fulfill');
    expect(other.tokens.has(token)).toBe(true);
    expect(scope).not.toBe('');
    await other.close();
  });
});

describe('an invalid host', () => {
  it.each([
    ['no host', {}, 'instance_missing'],
    ['no text', { host: 7 }, 'instance_invalid'],
    ['an empty one', { host: ' ' }, 'instance_missing'],
    ['an address', { host: '127.0.0.1' }, 'instance_invalid'],
    ['a word', { host: 'mastodon' }, 'instance_invalid'],
  ])('%s', async (_what, parameters, code) => {
    const { connect } = await startBridge([instance]);
    const client = await connect();
    client.say({ type: 'auth', parameters });
    const heard = await client.hear('invalid-host');
    expect(heard).toEqual({ code, message: expect.any(String) });
    expect((await client.request(instance.host)).id).toBeDefined();
  });

  it('is a server that does not support this login', async () => {
    instance.answerWith(/./, 404, 'nothing here');
    const { connect, bridge } = await startBridge([instance]);
    const client = await connect();
    client.ask(instance.host);
    expect((await client.hear('invalid-host')).code).toBe('instance_unsupported');
    expect(bridge.status().pending).toBe(0);
  });

  it('is not allowed', async () => {
    const { connect } = await startBridge([instance], { allowInstance: () => false });
    const client = await connect();
    client.ask(instance.host);
    expect((await client.hear('invalid-host')).code).toBe('instance_not_allowed');
    expect(instance.requests).toEqual([]);
  });

  it('does not harm the service when the check itself fails', async () => {
    const { connect, events } = await startBridge([instance], {
      allowInstance: () => Promise.reject(new Error('the list is gone')),
    });
    const client = await connect();
    client.ask(instance.host);
    expect((await client.hear('error')).code).toBe('server_failed');
    expect(events.map(([event]) => event)).toEqual(['failed']);
  });

  it('causes no registration before the visitor has pressed the button', async () => {
    const { connect } = await startBridge([instance]);
    const { url } = await (await connect()).request(instance.host);
    await new Visitor().get(url);
    expect(instance.registrations).toBe(0);
  });
});

it.each([
  ['199 letters and an emoji that would be cut in two', `${'a'.repeat(199)}🌿b`, `${'a'.repeat(199)}🌿`],
  ['half an emoji, sent by the instance', 'a\ud83db', undefined],
])('strict readers of JSON accept the message with a name of %s', async (_what, name, shown) => {
  const { connect } = await startBridge([instance]);
  const client = await connect();
  const texts: string[] = [];
  client.socket.on('message', (data: Buffer) => texts.push(data.toString()));
  instance.account('alice').displayName = name;
  await agree(new Visitor(), (await client.request(instance.host)).url);
  const { account } = (await client.hear('fulfill')) as { account: { displayName: string } };
  if (shown !== undefined) expect(account.displayName).toBe(shown);
  expect(texts.at(-1)).not.toMatch(/\\ud[89a-f]/i);
});

describe('a login that fails', () => {
  it.each(['mastodon45', 'hollo'] as const)('was denied at %s', async (family) => {
    const other = await startInstance(family);
    const { connect, bridge } = await startBridge([other], { limits: { requestsPerSocket: 1 } });
    const client = await connect();
    const { url } = await client.request(other.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, url);
    const page = await visitor.get(await visitor.deny(location ?? ''));
    expect(page.status).toBe(403);
    expect(page.text).toContain('The login was cancelled');
    expect((await client.hear('error')).code).toBe('access_denied');
    expect(bridge.status().pending).toBe(0);
    // The same again, on the same connection.
    const again = await client.request(other.host);
    await agree(visitor, again.url);
    await client.hear('fulfill');
    await other.close();
  });

  it('ends when the instance refuses the site', async () => {
    instance.answerWith('POST /api/v1/apps', 403, { error: 'no' });
    const { connect } = await startBridge([instance]);
    const client = await connect();
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    expect((await press(visitor, url)).status).toBe(502);
    expect((await client.hear('error')).code).toBe('registration_refused');
    expect((await visitor.get(url)).status).toBe(404);
  });

  it('ends when the code is refused', async () => {
    instance.answerWith('POST /oauth/token', 400, { error: 'invalid_grant' });
    const { connect } = await startBridge([instance]);
    const client = await connect();
    const { url } = await client.request(instance.host);
    expect((await agree(new Visitor(), url)).status).toBe(401);
    expect((await client.hear('error')).code).toBe('token_refused');
  });

  it('expires, for the client and for the browser', async () => {
    const { connect, bridge } = await startBridge([instance], { limits: { requestTtlMs: 2_000 } });
    const client = await connect();
    const [first, second] = [await client.request(instance.host), await client.request(instance.host)];
    const visitor = new Visitor();
    const { location } = await press(visitor, first.url);
    const callback = await visitor.approve(location ?? '');
    const begun = Date.now();
    expect((await client.hear('error')).code).toBe('login_expired');
    expect((await client.hear('error')).code).toBe('login_expired');
    expect(Date.now() - begun).toBeLessThan(10_000);
    const { tokensIssued } = instance;
    expect((await visitor.get(callback)).status).toBe(403);
    expect((await visitor.get(second.url)).status).toBe(404);
    expect((await visitor.get(first.url)).status).toBe(404);
    expect(instance.tokensIssued).toBe(tokensIssued);
    expect(await client.hearsNothing()).toBe(true);
    expect(bridge.status().pending).toBe(0);
  });

  it('ends when its client disconnects', async () => {
    const { connect, bridge } = await startBridge([instance]);
    const client = await connect();
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, url);
    const callback = await visitor.approve(location ?? '');
    client.socket.terminate();
    await until(() => bridge.status().pending === 0 && bridge.status().sockets === 0);
    const { tokensIssued } = instance;
    expect((await visitor.get(callback)).status).toBe(403);
    expect((await visitor.get(url)).status).toBe(404);
    expect(instance.tokensIssued).toBe(tokensIssued);
  });

  it('leaves no record when the client disconnects during the lookup of its host', async () => {
    instance.latencyMs = 200;
    const { connect, bridge, events } = await startBridge([instance]);
    const client = await connect();
    client.ask(instance.host);
    await until(() => instance.requests.length > 0);
    client.socket.terminate();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(bridge.status()).toEqual({ sockets: 0, pending: 0 });
    expect(events.map(([event]) => event)).not.toContain('request_opened');
  });

  it('replaces dead credentials when the browser tries again', async () => {
    const { connect } = await startBridge([instance]);
    const client = await connect();
    const visitor = new Visitor();
    await agree(visitor, (await client.request(instance.host)).url);
    await client.hear('fulfill');
    instance.forgetApps();
    const { url } = await client.request(instance.host);
    const stuck = await press(visitor, url);
    expect(instance.apps.has(new URL(stuck.location ?? '').searchParams.get('client_id') ?? '')).toBe(false);
    await agree(visitor, url);
    await client.hear('fulfill');
  });
});

it('logs events without a secret', async () => {
  const { connect, events } = await startBridge([instance]);
  const client = await connect();
  const { id, url } = await client.request(instance.host);
  await agree(new Visitor(), url);
  const { token } = await client.hear('fulfill');
  // Requests to the instance and the outcome of its login are events of the core.
  expect(events.filter(([event]) => /^request_/.test(event))).toEqual([
    ['request_opened', { id: id.slice(0, 6), instance: instance.host }],
    ['request_ended', { id: id.slice(0, 6), outcome: 'fulfilled', instance: instance.host }],
  ]);
  const engine = events.map(([event]) => event).filter((event) => !/^request/.test(event));
  expect(engine).toEqual(['registered', 'begun', 'finished']);
  expect(JSON.stringify(events)).not.toContain(token);
  expect(JSON.stringify(events)).not.toContain(id);
});

it('closes once, however often it is asked to', async () => {
  const { bridge, connect } = await startBridge([instance]);
  const client = await connect();
  await Promise.all([bridge.close(), bridge.close()]);
  await client.hear('error');
  expect(await client.ended).toBe(1001);
  await bridge.close();
});

it('informs every client when it closes', async () => {
  const { connect, bridge } = await startBridge([instance]);
  const [idle, waiting] = [await connect(), await connect()];
  await waiting.request(instance.host);
  const begun = Date.now();
  await bridge.close();
  expect(Date.now() - begun).toBeLessThan(1900);
  for (const client of [idle, waiting]) {
    expect((await client.hear('error')).code).toBe('server_closing');
    expect(await client.ended).toBe(1001);
  }
  expect(bridge.status()).toEqual({ sockets: 0, pending: 0 });
});
