/** Every entry point serves the client metadata document, at the URL that is its client ID. */

import { createServer, type RequestListener } from 'node:http';
import { createBridge } from '../../lib/bridge';
import { createIssuer } from '../../lib/issuer';
import { MastodonLogin } from '../../lib/core';
import { createLogin } from '../../lib/web';
import { Store, storeKey } from '../../lib/store';
import { listenLocally } from '../support/free-port';
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

/** Closed after the test. @returns its origin */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  close = () => (server.closeAllConnections(), server.close());
  return `http://127.0.0.1:${await listenLocally(server)}`;
}

it('core sends nothing if other middleware sent a response before the store answered', async () => {
  const store = new Map<string, unknown>();
  let answerNow = (): void => undefined;
  const slow = {
    get: (key: string) => new Promise((resolve) => (answerNow = () => resolve(store.get(key)))),
    set: (key: string, value: unknown) => store.set(key, value),
    delete: (key: string) => store.delete(key),
  };
  const login = new MastodonLogin({ ...leastOptions, clientMetadataURL, store: slow });
  const origin = await serve((req, res) => {
    login.clientMetadata.serve(req, res);
    res.writeHead(503).end('busy');
    answerNow();
  });
  const path = new URL(clientMetadataURL).pathname;
  for (let i = 0; i < 2; i++) {
    const answer = await fetch(`${origin}${path}/misskey.example`);
    expect([answer.status, await answer.text()]).toEqual([503, 'busy']);
  }
});

describe.each([
  ['the bridge', 'https://games.example/login', bridgeAt],
  ['the issuer', 'https://login.example/o', issuerAt],
] as const)('%s', (_what, publicURL, make) => {
  it('serves the document below its own address, without a setting', async () => {
    const one = await make(publicURL);
    const origin = await serve(one.router);
    const below = origin + new URL(publicURL).pathname;
    const answer = await fetch(`${below}/client/misskey.example/metadata`);
    expect([answer.status, answer.headers.get('link')]).toEqual([
      200,
      `<${publicURL}/callback/misskey.example/done>; rel="redirect_uri"`,
    ]);
    expect(await answer.text()).toContain(`href="${publicURL}/client/misskey.example/metadata">A game<`);
    const json = await fetch(`${below}/client/social.example.json/metadata`);
    expect(await json.json()).toMatchObject({
      client_id: `${publicURL}/client/social.example.json/metadata`,
      redirect_uris: [`${publicURL}/callback/social.example/done`],
    });
    for (const host of ['x', 'mastodon.example'])
      expect((await fetch(`${below}/client/${host}/metadata`)).status).toBe(404);
    await one.close();
  });
});

async function bridgeAt(publicURL: string) {
  return createBridge({ clientName: 'A game', publicURL, store: await aStore() });
}

async function issuerAt(issuerURL: string) {
  // oidc-provider warns on Node.js 20.
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const secret = 'a secret that no reader of the store has';
  const issuer = await createIssuer({
    ...{ clientName: 'A game', issuerURL, clients: [], store: await aStore(), secret },
  });
  warn.mockRestore();
  return issuer;
}

describe('the bridge', () => {
  it.each([
    ['serves it also where a proxy removed the path', 'https://games.example/login', 200],
    ['does not serve it if other servers cannot fetch it', 'http://localhost:4000', 404],
  ])('%s', async (_what, publicURL, status) => {
    const bridge = await bridgeAt(publicURL);
    const origin = await serve(bridge.router);
    expect((await fetch(`${origin}/client/misskey.example/metadata`)).status).toBe(status);
    await bridge.close();
  });

  it('refuses an address for it', () => {
    const options = { clientName: 'A game', publicURL: 'https://games.example', clientMetadataURL };
    expect(() => createBridge(options)).toThrow('there is no option clientMetadataURL');
  });
});
