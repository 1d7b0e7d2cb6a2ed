/** Which client metadata documents are fetched and accepted, how often, and what others' requests change in that. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ClientDocuments } from '../../lib/issuer/documents';
import type { OIDC, OidcClient } from '../../lib/issuer/oidc-provider';
import { IssuerStore } from '../../lib/issuer/store';
import { Store } from '../../lib/store';
import { listenLocally } from '../support/free-port';
import { aRawServer, until } from '../support/hostile';
import { codeOf, settingsTo, originOf } from '../support/network';
import { failureOf, JSONStore } from '../support/stage';

afterEach(() => void jest.restoreAllMocks());

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

class InvalidClient extends Error {}
class InvalidClientMetadata extends Error {}
const oidc = { errors: { InvalidClient, InvalidClientMetadata } } as unknown as OIDC;

/** A site that serves the document of its client at `/client.json`, and 404 elsewhere. */
async function aSite() {
  const requests: string[] = [];
  const site = {
    origin: '',
    clientId: '',
    requests,
    headers: {} as Record<string, string>,
    answer: (req: IncomingMessage, res: ServerResponse): void => {
      const status = req.url?.startsWith('/client.json') ? 200 : 404;
      res.writeHead(status, { 'Content-Type': 'application/json', ...site.headers });
      res.end(JSON.stringify({ client_id: site.origin + req.url }));
    },
  };
  const server = createServer((req, res) => {
    requests.push(req.url ?? '');
    site.answer(req, res);
  });
  site.origin = `http://localhost:${await listenLocally(server)}`;
  closing.push(() => (server.closeAllConnections(), server.close()));
  site.clientId = `${site.origin}/client.json`;
  return site;
}

async function aStage(backend = new JSONStore()) {
  const site = await aSite();
  let address: string | undefined = '203.0.113.1';
  const start = () =>
    new ClientDocuments(
      settingsTo([site]),
      new IssuerStore(new Store(backend, 1000), 'https://login.example'),
      () => address,
    );
  let documents = start();
  const allow = jest.fn((_id: string): unknown => true);
  const feature = () => documents.feature(oidc, allow as unknown as (id: string) => boolean);
  return {
    ...{ site, allow, backend },
    come: (from: string | undefined) => (address = from),
    restart: () => (documents = start()),
    remember: () => documents.remember({ clientId: site.clientId } as OidcClient),
    fetch: (path = '/client.json') => documents.fetch(site.origin + path),
    fetchRequest: () => documents.fetch(new Request(site.clientId)),
    mayFetch: async (id: string) => feature().allowFetch?.(undefined as never, id),
    mayUse: async (client: object) =>
      feature().allowClient?.(undefined as never, { clientId: site.clientId, ...client } as OidcClient),
  };
}

describe('a document', () => {
  it('is passed on with its lifetime', async () => {
    const { site, fetch, fetchRequest } = await aStage();
    const answer = await fetch();
    expect(await answer.json()).toEqual({ client_id: site.clientId });
    expect(answer.headers.get('cache-control')).toBe('');
    site.headers = { 'Cache-Control': 'max-age=600' };
    expect((await fetch('/client.json?2')).headers.get('cache-control')).toBe('max-age=600');
    expect(await (await fetchRequest()).json()).toEqual({ client_id: site.clientId });
  });

  it.each<[string, number, string, RegExp]>([
    ['another status', 201, '{}', /^status 201$/],
    ['a redirect', 302, '{}', /^status 302$/],
    ['no object', 200, '[]', /object/],
    ['no JSON', 200, '{', /JSON/],
    ['jwks_uri', 200, '{"jwks_uri":"https://keys.example/"}', /^jwks_uri is not taken/],
    ['sector_identifier_uri', 200, '{"sector_identifier_uri":null}', /^sector_identifier_uri is not taken/],
  ])('with %s is refused, and the operator learns why', async (_what, status, body, why) => {
    const { site, fetch } = await aStage();
    const headers = { 'Content-Type': 'application/json', Location: '/client.json' };
    site.answer = (_req, res) => void res.writeHead(status, headers).end(body);
    const { code, cause } = await failureOf(fetch());
    expect([code, (cause as Error).message]).toEqual(['response_invalid', expect.stringMatching(why)]);
    expect(await codeOf(fetch())).toBe('response_invalid');
    expect(site.requests).toHaveLength(1);
  });

  it('of another client does not make its URL a known one', async () => {
    const { site, fetch, mayFetch } = await aStage();
    site.answer = (_req, res) =>
      void res
        .writeHead(200, { 'Content-Type': 'application/json' })
        .end('{"client_id":"https://a.example/"}');
    await fetch();
    const later = Date.now() + 31_000;
    jest.spyOn(Date, 'now').mockReturnValue(later);
    for (let i = 0; i < 10; i++) expect(await mayFetch(site.clientId)).toBe(true);
    await expect(mayFetch(site.clientId)).rejects.toThrow('too many documents were fetched for this network');
  });

  it('is fetched once in 30 seconds, whether it can be fetched or not', async () => {
    const { site, fetch } = await aStage();
    const now = Date.now();
    for (const later of [0, 15_000, 29_000, 31_000]) {
      jest.spyOn(Date, 'now').mockReturnValue(now + later);
      await fetch();
      expect(await codeOf(fetch('/missing'))).toBe('response_invalid');
      expect(site.requests).toHaveLength(later > 30_000 ? 4 : 2);
    }
  });
});

describe('a document may be fetched', () => {
  it('if the operator allows its client', async () => {
    const { allow, mayFetch, site } = await aStage();
    for (const [answer, may] of [
      [true, true],
      [false, false],
      ['yes', false],
      [Promise.resolve(true), true],
    ]) {
      allow.mockReturnValueOnce(answer);
      expect(await mayFetch(site.clientId)).toBe(may);
    }
    expect(allow).toHaveBeenLastCalledWith(site.clientId);
  });

  it('if its URL has at most 1,024 characters', async () => {
    const { allow, mayFetch, site } = await aStage();
    const id = site.clientId.padEnd(1024, 'x');
    expect(await mayFetch(id)).toBe(true);
    allow.mockClear();
    expect(await mayFetch(`${id}x`)).toBe(false);
    expect(allow).not.toHaveBeenCalled();
  });

  it('for the first time ten times a minute by one network; known ones and recent failures do not count', async () => {
    const { site, come, fetch, mayFetch, remember, restart } = await aStage();
    await fetch();
    await codeOf(fetch('/missing'));
    for (let i = 0; i < 12; i++) {
      expect(await mayFetch(site.clientId)).toBe(true);
      expect(await mayFetch(`${site.origin}/missing`)).toBe(true);
    }
    for (let i = 0; i < 10; i++) expect(await mayFetch(`${site.origin}/${i}`)).toBe(true);
    await expect(mayFetch(`${site.origin}/next`)).rejects.toBeInstanceOf(InvalidClient);
    expect(await mayFetch(site.clientId)).toBe(true);
    come('198.51.100.1');
    expect(await mayFetch(`${site.origin}/next`)).toBe(true);
    // A client that got a token is known after a restart too.
    await remember();
    restart();
    for (let i = 0; i < 12; i++) expect(await mayFetch(site.clientId)).toBe(true);
    for (let i = 0; i < 10; i++) expect(await mayFetch(`${site.origin}/${i}`)).toBe(true);
    await expect(mayFetch(`${site.origin}/next`)).rejects.toBeInstanceOf(InvalidClient);
  });

  it('if the store fails, as one that is not known', async () => {
    const stage = await aStage();
    const set = jest.spyOn(stage.backend, 'set');
    await stage.remember();
    expect(set).toHaveBeenCalledWith(expect.any(String), expect.anything(), 30 * 24 * 60 * 60 * 1000);
    for (const name of ['get', 'set'] as const)
      jest.spyOn(stage.backend, name).mockRejectedValue(new Error('down'));
    await stage.remember();
    for (let i = 0; i < 10; i++) expect(await stage.mayFetch(stage.site.clientId)).toBe(true);
    await expect(stage.mayFetch(stage.site.clientId)).rejects.toBeInstanceOf(InvalidClient);
  });
});

it('made-up documents that use up the requests to a domain leave room for a known one and for a new network', async () => {
  const { site, come, fetch, mayFetch } = await aStage();
  await fetch();
  for (let i = 0; i < 100; i++) await codeOf(fetch(`/${i}`));
  expect(await codeOf(fetch('/one-more'))).toBe('login_busy');
  const sent = site.requests.length;
  // `login_busy` is not remembered.
  come('198.51.100.1');
  await mayFetch(`${site.origin}/one-more`);
  expect(await codeOf(fetch('/one-more'))).toBe('response_invalid');
  expect(site.requests).toHaveLength(sent + 1);
  await mayFetch(`${site.origin}/second`);
  expect(await codeOf(fetch('/second'))).toBe('login_busy');
  const later = Date.now() + 31_000;
  jest.spyOn(Date, 'now').mockReturnValue(later);
  expect((await fetch()).status).toBe(200);
});

it('slow documents at one host do not delay a known one there', async () => {
  const { site, fetch } = await aStage();
  await fetch();
  const later = Date.now() + 31_000;
  jest.spyOn(Date, 'now').mockReturnValue(later);
  const { answer } = site;
  const held: (() => void)[] = [];
  site.answer = (req, res) =>
    req.url === '/client.json' ? answer(req, res) : void held.push(() => answer(req, res));
  const slow = Array.from({ length: 5 }, (_, i) => codeOf(fetch(`/${i}`)));
  await until(() => held.length === 4);
  expect((await fetch()).status).toBe(200);
  expect(held).toHaveLength(4);
  held.splice(0).forEach((release) => release());
  await until(() => held.length === 1);
  held[0]?.();
  await Promise.all(slow);
});

it.each<[string, object, unknown]>([
  [
    'may have https and loopback addresses, and those of apps',
    {
      redirectUris: ['https://a.example/', 'com.example.a:/'],
      postLogoutRedirectUris: ['http://127.0.0.1/'],
    },
    true,
  ],
  ['may have none', {}, true],
  [
    'may not have another redirect URI',
    { redirectUris: ['https://a.example/', 'http://a.example/'] },
    InvalidClientMetadata,
  ],
  [
    'may not have another address after the logout',
    { postLogoutRedirectUris: ['javascript:x'] },
    InvalidClientMetadata,
  ],
])('a client %s', async (_what, client, outcome) => {
  const { allow, mayUse } = await aStage();
  const used = mayUse(client);
  if (outcome !== true) return expect(used).rejects.toBeInstanceOf(outcome);
  expect(await used).toBe(true);
  // Also of a cached document: a client that is no longer allowed is refused at once.
  allow.mockReturnValueOnce('yes');
  expect(await mayUse(client)).toBe(false);
});

describe('the visitor who waits for the document of a client', () => {
  it.each([
    ['is dropped after five seconds in the queue', 5000, 'timeout', 4],
    ['sees it asked for, as soon as there is room', 4000, undefined, 5],
  ])('%s', async (_what, milliseconds, code, requests) => {
    const asking: Socket[] = [];
    let answering = false;
    const answer = (socket: Socket) =>
      socket.end(
        'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}',
      );
    const slow = await aRawServer((socket) => {
      socket.once('data', () => {
        asking.push(socket);
        if (answering) answer(socket);
      });
    });
    const site = originOf(slow);
    const store = new IssuerStore(new Store(undefined, 1000), 'https://login.example');
    const documents = new ClientDocuments(settingsTo([site], { timeoutMs: 10_000 }), store, () => undefined);
    const fetchDocument = documents.fetch;
    const others = Array.from({ length: 4 }, (_, i) => fetchDocument(`${site.origin}/${i}.json`));
    const last = codeOf(fetchDocument(`${site.origin}/last.json`));
    await until(() => asking.length === 4);
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now + milliseconds);
    answering = true;
    asking.forEach(answer);
    await Promise.all(others);
    expect(await last).toBe(code);
    expect(asking).toHaveLength(requests);
  });
});
