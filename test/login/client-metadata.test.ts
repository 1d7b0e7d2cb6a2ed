/** Every entry point serves the client metadata document, at the URL that is its client ID. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBridge, type Bridge } from '../../lib/bridge';
import { createIssuer } from '../../lib/issuer';
import { MastodonLogin } from '../../lib/core';
import { createLogin } from '../../lib/web';
import { Store, storeKey } from '../../lib/store';
import { JSONStore, leastOptions } from '../support/stage';

const clientMetadataURL = 'https://site.example/client';

/** A store in which logins with a URL client began at these hosts. */
async function aStore(): Promise<JSONStore> {
  const backend = new JSONStore();
  for (const host of ['misskey.example', 'social.example'])
    await new Store(backend, 5000).set(storeKey('url-client', host), { isServed: true });
  return backend;
}

it('the web API serves the document as a Response', async () => {
  const login = createLogin({ ...leastOptions, clientMetadataURL, store: await aStore() });
  const ask = (path: string, method = 'GET') =>
    login.clientMetadata(new Request(`https://site.example${path}`, { method }));
  const found = await ask('/client/misskey.example');
  expect([found.status, found.headers.get('link')]).toEqual([
    200,
    '<https://site.example/callback/misskey.example>; rel="redirect_uri"',
  ]);
  const text = await found.text();
  expect(text).toContain(`href="${clientMetadataURL}/misskey.example"`);
  const head = await ask('/client/misskey.example', 'HEAD');
  expect([await head.text(), head.headers.get('content-length')]).toEqual(['', String(text.length)]);
  const json = await ask('/client/social.example.json');
  expect(json.headers.get('content-type')).toBe('application/json');
  expect(await json.json()).toMatchObject({ client_id: `${clientMetadataURL}/social.example.json` });
  for (const path of ['/client/', '/client/mastodon.example']) expect((await ask(path)).status).toBe(404);
  const noRequest = { url: '/client/misskey.example' } as Request;
  await expect(login.clientMetadata(noRequest)).rejects.toThrow('takes a Request');
});

it('the document declares the scopes of earlier logins, up to a number of sets', async () => {
  const store = await aStore();
  const login = createLogin({ ...leastOptions, clientMetadataURL, store, scope: 'read:accounts' });
  const begin = (scope: string) =>
    login.begin(new Request('https://site.example/login'), { instance: 'unreachable.invalid', scope });
  const scopes = async () => {
    const answer = await login.clientMetadata(new Request('https://site.example/client/social.example.json'));
    return ((await answer.json()) as { scope: string }).scope;
  };
  await expect(begin('read write')).rejects.toMatchObject({ code: expect.any(String) as string });
  expect(await scopes()).toBe('read:accounts read write');
  for (let n = 0; n < 15; n++) await begin(`read own:${n}`).catch(() => undefined);
  await expect(begin('read own:15')).rejects.toThrow('different sets of scopes');
  await expect(begin('own:3 read')).rejects.toMatchObject({ code: expect.any(String) as string });
  expect(await scopes()).not.toContain('own:15');
});

let close: (() => void) | undefined;
afterEach(() => close?.());

it('core sends nothing if other middleware sent a response before the store answered', async () => {
  const store = new Map<string, unknown>();
  let answerNow = (): void => undefined;
  const slow = {
    get: (key: string) => new Promise((resolve) => (answerNow = () => resolve(store.get(key)))),
    set: (key: string, value: unknown) => store.set(key, value),
    delete: (key: string) => store.delete(key),
  };
  const login = new MastodonLogin({ ...leastOptions, clientMetadataURL, store: slow });
  const server = createServer((req, res) => {
    login.clientMetadata.serve(req, res);
    res.writeHead(503).end('busy');
    answerNow();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  close = () => (server.closeAllConnections(), server.close());
  const { port } = server.address() as AddressInfo;
  const path = new URL(clientMetadataURL).pathname;
  for (let i = 0; i < 2; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}/misskey.example`);
    expect([answer.status, await answer.text()]).toEqual([503, 'busy']);
  }
});

describe('the bridge', () => {
  async function bridgeAt(publicURL: string): Promise<{ bridge: Bridge; origin: string }> {
    const bridge = createBridge({ clientName: 'A game', publicURL, store: await aStore() });
    const server = createServer(bridge.router).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    close = () => (server.closeAllConnections(), server.close(), void bridge.close());
    return { bridge, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  it('below its own address, without a setting', async () => {
    const { origin } = await bridgeAt('https://games.example/login');
    for (const path of ['/login/client/misskey.example/metadata', '/client/misskey.example/metadata']) {
      const answer = await fetch(origin + path);
      expect([answer.status, answer.headers.get('link')]).toEqual([
        200,
        '<https://games.example/login/callback/misskey.example/done>; rel="redirect_uri"',
      ]);
      expect(await answer.text()).toContain(
        'href="https://games.example/login/client/misskey.example/metadata">A game<',
      );
    }
    const json = await fetch(`${origin}/login/client/social.example.json/metadata`);
    expect(await json.json()).toMatchObject({
      client_id: 'https://games.example/login/client/social.example.json/metadata',
      redirect_uris: ['https://games.example/login/callback/social.example/done'],
    });
    for (const host of ['x', 'mastodon.example'])
      expect((await fetch(`${origin}/login/client/${host}/metadata`)).status).toBe(404);
  });

  it('not if other servers cannot fetch it', async () => {
    const { origin } = await bridgeAt('http://localhost:4000');
    expect((await fetch(`${origin}/client/misskey.example/metadata`)).status).toBe(404);
  });

  it('refuses an address for it', () => {
    const options = { clientName: 'A game', publicURL: 'https://games.example', clientMetadataURL };
    expect(() => createBridge(options)).toThrow('there is no option clientMetadataURL');
  });
});

it('the issuer serves the document below its own address', async () => {
  // oidc-provider warns on Node.js 20.
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const issuer = await createIssuer({
    clientName: 'A shop',
    issuerURL: 'https://login.example/o',
    clients: [],
    store: await aStore(),
    secret: 'a secret that no reader of the store has',
  });
  warn.mockRestore();
  const server = createServer(issuer.router).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  close = () => (server.closeAllConnections(), server.close(), void issuer.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answer = await fetch(`${origin}/o/client/misskey.example/metadata`);
  expect([answer.status, answer.headers.get('link')]).toEqual([
    200,
    '<https://login.example/o/callback/misskey.example/done>; rel="redirect_uri"',
  ]);
  expect(await answer.text()).toContain(
    'href="https://login.example/o/client/misskey.example/metadata">A shop<',
  );
  const json = await fetch(`${origin}/o/client/social.example.json/metadata`);
  expect(await json.json()).toMatchObject({
    client_id: 'https://login.example/o/client/social.example.json/metadata',
    redirect_uris: ['https://login.example/o/callback/social.example/done'],
  });
  for (const host of ['x', 'mastodon.example'])
    expect((await fetch(`${origin}/o/client/${host}/metadata`)).status).toBe(404);
});
