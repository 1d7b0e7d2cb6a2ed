/** Every door answers servers that ask what the site is, at the address that it has told them. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBridge, type Bridge } from '../../lib/bridge';
import { createIssuer } from '../../lib/issuer';
import { createLogin } from '../../lib/web';
import { leastOptions } from '../support/stage';

const clientMetadataURL = 'https://site.example/client';

it('the web door, with a Response', async () => {
  const login = createLogin({ ...leastOptions, clientMetadataURL });
  const ask = (path: string, method = 'GET') =>
    login.clientMetadata(new Request(`https://site.example${path}`, { method }));
  const found = ask('/client/misskey.example');
  expect([found.status, found.headers.get('link')]).toEqual([
    200,
    '<https://site.example/callback/misskey.example>; rel="redirect_uri"',
  ]);
  const text = await found.text();
  expect(text).toContain(`href="${clientMetadataURL}/misskey.example"`);
  const head = ask('/client/misskey.example', 'HEAD');
  expect([await head.text(), head.headers.get('content-length')]).toEqual(['', String(text.length)]);
  const json = ask('/client/social.example.json');
  expect(json.headers.get('content-type')).toBe('application/json');
  expect(await json.json()).toMatchObject({ client_id: `${clientMetadataURL}/social.example.json` });
  expect(ask('/client/').status).toBe(404);
  expect(() => login.clientMetadata({ url: '/client/misskey.example' } as Request)).toThrow(
    'takes a Request',
  );
});

let close: (() => void) | undefined;
afterEach(() => close?.());

describe('the bridge', () => {
  async function bridgeAt(publicURL: string): Promise<{ bridge: Bridge; origin: string }> {
    const bridge = createBridge({ clientName: 'A game', publicURL });
    const server = createServer(bridge.router).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    close = () => (server.closeAllConnections(), server.close(), void bridge.close());
    return { bridge, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  it('below its own address, without being told so', async () => {
    const { origin } = await bridgeAt('https://games.example/login');
    for (const path of ['/login/client/misskey.example', '/client/misskey.example']) {
      const answer = await fetch(origin + path);
      expect([answer.status, answer.headers.get('link')]).toEqual([
        200,
        '<https://games.example/login/callback/misskey.example>; rel="redirect_uri"',
      ]);
      expect(await answer.text()).toContain(
        'href="https://games.example/login/client/misskey.example">A game<',
      );
    }
    const json = await fetch(`${origin}/login/client/social.example.json`);
    expect(await json.json()).toMatchObject({
      client_id: 'https://games.example/login/client/social.example.json',
      redirect_uris: ['https://games.example/login/callback/social.example'],
    });
    expect((await fetch(`${origin}/login/client/x`)).status).toBe(404);
  });

  it('not where other servers cannot fetch it', async () => {
    const { origin } = await bridgeAt('http://localhost:4000');
    expect((await fetch(`${origin}/client/misskey.example`)).status).toBe(404);
  });

  it('takes no address for it', () => {
    const options = { clientName: 'A game', publicURL: 'https://games.example', clientMetadataURL };
    expect(() => createBridge(options)).toThrow('there is no option clientMetadataURL');
  });
});

it('the issuer, below its own address', async () => {
  const issuer = await createIssuer({
    clientName: 'A shop',
    issuerURL: 'https://login.example/o',
    clients: [],
  });
  const server = createServer(issuer.router).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  close = () => (server.closeAllConnections(), server.close(), void issuer.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answer = await fetch(`${origin}/o/client/misskey.example`);
  expect([answer.status, answer.headers.get('link')]).toEqual([
    200,
    '<https://login.example/o/callback/misskey.example>; rel="redirect_uri"',
  ]);
  expect(await answer.text()).toContain('href="https://login.example/o/client/misskey.example">A shop<');
  const json = await fetch(`${origin}/o/client/social.example.json`);
  expect(await json.json()).toMatchObject({
    client_id: 'https://login.example/o/client/social.example.json',
    redirect_uris: ['https://login.example/o/callback/social.example'],
  });
  expect((await fetch(`${origin}/o/client/x`)).status).toBe(404);
});
