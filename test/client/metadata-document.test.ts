/** The client metadata document: its URL at each instance, its two forms, and the hosts that it is served for. */

import { createServer, type Server } from 'node:http';
import express from 'express';
import { listenLocally } from '../support/free-port.js';
import { emittedWarnings } from '../../lib/events.js';
import { allWarnings, inDevelopment, warningsOf } from '../support/warnings.js';
import { clientIdAt, ClientMetadata } from '../../lib/client/metadata-document.js';

const site = {
  clientName: 'Tom & <b>"Jerry\'s"</b>',
  callbackURL: 'https://site.example/auth/callback',
  clientMetadataURL: 'https://site.example/auth/client',
  website: undefined,
  scope: undefined,
  developmentOrigins: new Set(['http://localhost:4000']),
};
/** A store that answers whether a login began at a host. */
const storeOf = (began: (key: string) => Promise<boolean>) => ({
  cached: async (key: string) => ((await began(key)) ? {} : undefined),
  cache: async () => undefined,
});
/** As if a login with a URL client had begun at every host. */
const metadataOf = (changes: Partial<ConstructorParameters<typeof ClientMetadata>[0]> = {}) =>
  new ClientMetadata(
    { ...site, ...changes },
    storeOf(async () => true),
  );
const document = metadataOf();
const at = (segment: string, method = 'GET') => document.answer(method, `/auth/client/${segment}`);

it('contains the exact client ID, and the one redirect URI of this instance', async () => {
  const { status, headers, body } = await at('misskey.example');
  expect(status).toBe(200);
  expect(headers['Link']).toBe('<https://site.example/auth/callback/misskey.example>; rel="redirect_uri"');
  expect(body).toContain(
    '<link rel="redirect_uri" href="https://site.example/auth/callback/misskey.example">',
  );
  expect(body).toContain(
    '<div class="h-app"><a class="u-url p-name" href="https://site.example/auth/client/misskey.example">',
  );
});

it('shows a name as text', async () => {
  expect((await at('misskey.example')).body).toContain(
    '>Tom &#38; &#60;b&#62;&#34;Jerry&#39;s&#34;&#60;/b&#62;</a></div>',
  );
});

it('can be cached, runs no script, and cannot be framed', async () => {
  expect((await at('misskey.example')).headers).toMatchObject({
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'public, max-age=300',
    'Content-Security-Policy':
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Robots-Tag': 'noindex',
  });
});

it('answers HEAD as GET, without the body', async () => {
  const { body, ...get } = await at('misskey.example');
  expect(await at('misskey.example', 'HEAD')).toEqual({ ...get, body: '' });
  expect(get.headers['Content-Length']).toBe(String(Buffer.byteLength(body)));
});

it.each(['POST', 'PUT', 'OPTIONS', undefined])('answers %s with the allowed methods', async (method) => {
  const { status, headers } = await document.answer(method, '/auth/client/misskey.example');
  expect([status, headers['Allow'], headers['Link']]).toEqual([405, 'GET, HEAD', undefined]);
});

it('accepts a development instance with its port, and a query that a cache or a proxy adds', async () => {
  expect((await at('localhost:4000')).status).toBe(200);
  const { body } = await document.answer('GET', '/auth/client/misskey.example?x=/y.example');
  expect(body).toContain('client/misskey.example"');
});

it.each(['https://site.example', 'HTTP://internal:8080'])(
  'takes a whole URL, as a proxy may pass it (%s)',
  async (origin) => {
    const { status, body } = await document.answer('GET', `${origin}/auth/client/misskey.example?x=/y`);
    expect([status, body]).toEqual([200, (await at('misskey.example')).body]);
  },
);

it('has the host at “:instance” in clientMetadataURL, and the redirect URI with the host at “:instance” in callbackURL', async () => {
  const metadata = metadataOf({
    clientMetadataURL: 'https://site.example/:instance/client',
    callbackURL: 'https://site.example/callback/:instance/done',
  });
  const { body, headers } = await metadata.answer('GET', '/misskey.example/client');
  expect(body).toContain('href="https://site.example/misskey.example/client"');
  expect(headers['Link']).toContain('<https://site.example/callback/misskey.example/done>');
  const json = await metadata.answer('GET', '/social.example.json/client');
  expect(JSON.parse(json.body)).toMatchObject({
    client_id: 'https://site.example/social.example.json/client',
    redirect_uris: ['https://site.example/callback/social.example/done'],
  });
  for (const path of ['/client/misskey.example', '/misskey.example', '/misskey.example/other'])
    expect((await metadata.answer('GET', path)).status).toBe(404);
});

it.each(['html', 'json'] as const)('is at the client ID of the form %s', async (form) => {
  const clientId = clientIdAt(site.clientMetadataURL, 'social.example', form);
  const { body } = await document.answer('GET', clientId);
  expect(body).toContain(`"${clientId}"`);
});

describe('for a host at which no login with a URL client began', () => {
  it.each(['mastodon.example', 'mastodon.example.json'])(
    'is not there, so that it cannot pass for a server that registers no client: %s',
    async (segment) => {
      const asked: string[] = [];
      const metadata = new ClientMetadata(
        site,
        storeOf(async (key) => {
          const host = key.split(':').at(-1) ?? '';
          asked.push(host);
          return host === 'misskey.example';
        }),
      );
      expect((await metadata.answer('GET', `/auth/client/${segment}`)).status).toBe(404);
      expect((await metadata.answer('POST', `/auth/client/${segment}`)).status).toBe(404);
      expect((await metadata.answer('GET', '/auth/client/misskey.example.json')).status).toBe(200);
      expect(asked).toEqual(['mastodon.example', 'mastodon.example', 'misskey.example']);
    },
  );

  it('the store is not read for a text that is not a host', async () => {
    const isServed = jest.fn(async () => true);
    const metadata = new ClientMetadata(site, storeOf(isServed));
    for (const segment of ['', 'x', '127.0.0.1', '%00', 'a'.repeat(300)])
      await metadata.answer('GET', `/auth/client/${segment}`);
    expect(isServed).not.toHaveBeenCalled();
  });
});

it.each([
  '',
  'localhost',
  'localhost:4001',
  'x',
  'Misskey.example',
  'misskey.example.',
  'misskey.example:443',
  'misskey.example%2Fx',
  'b%C3%BCcher.example',
  '@alice@misskey.example',
  '127.0.0.1',
  '"><script>.example',
  'misskey.example/',
  '__proto__',
])('is not there for %s', async (segment) => {
  const { status, headers, body } = await at(segment);
  expect(status).toBe(404);
  expect(headers['Link']).toBeUndefined();
  expect(headers).toMatchObject({ 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' });
  expect(body).toBe('There is nothing at this address.\n');
});

it('does not exist at a site without clientMetadataURL', async () => {
  const without = metadataOf({ clientMetadataURL: undefined });
  expect((await without.answer('GET', '/auth/client/misskey.example')).status).toBe(404);
});

describe('in the form of a metadata document', () => {
  async function json(changes: { website?: string; scope?: string } = {}): Promise<Record<string, unknown>> {
    const { body } = await metadataOf(changes).answer('GET', '/auth/client/social.example.json');
    return JSON.parse(body) as Record<string, unknown>;
  }

  it('states the same about the client, with its own ID, without a secret', async () => {
    const { status, headers } = await at('social.example.json');
    expect([status, headers['Content-Type'], headers['Link']]).toEqual([200, 'application/json', undefined]);
    expect(await json()).toEqual({
      client_id: 'https://site.example/auth/client/social.example.json',
      client_name: site.clientName,
      redirect_uris: ['https://site.example/auth/callback/social.example'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'profile',
      token_endpoint_auth_method: 'none',
    });
  });

  it('names the requested scope, and the home page if the ID is below it', async () => {
    expect(await json({ scope: 'read write', website: 'https://site.example' })).toMatchObject({
      scope: 'read write',
      client_uri: 'https://site.example',
    });
    for (const website of ['https://other.example', 'https://site.example/about']) {
      expect(await json({ website })).not.toHaveProperty('client_uri');
    }
  });

  it.each(['.json', 'x.json', '127.0.0.1.json', 'Social.example.json', 'social.example.JSON'])(
    'is not there for %s',
    async (segment) => expect((await at(segment)).status).toBe(404),
  );
});

describe('in an Express app', () => {
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => (server.closeAllConnections(), server.close())));

  /** The status of a path, and what of the site answered it otherwise: its own page or its error page. */
  async function get(mount: (app: express.Express, serve: express.Handler) => void, path: string) {
    const app = express();
    const metadata = new ClientMetadata(
      site,
      storeOf(async (key) => key.endsWith('misskey.example')),
    );
    mount(app, (req, res, next) => metadata.serve(req, res, next));
    app.use((_req, res) => void res.send('another page'));
    const server = createServer(app);
    servers.push(server);
    const answer = await fetch(`http://127.0.0.1:${await listenLocally(server)}${path}`);
    const text = await answer.text();
    return text === 'another page' ? text : answer.headers.get('link');
  }

  const link = '<https://site.example/auth/callback/misskey.example>; rel="redirect_uri"';
  const first = (app: express.Express, serve: express.Handler) => void app.use(serve);
  const below = (app: express.Express, serve: express.Handler) => void app.use('/metadata', serve);
  const route = (app: express.Express, serve: express.Handler) => void app.get('/metadata/:instance', serve);
  const page = 'another page';

  it.each([
    ['before all routes', first, '/auth/client/misskey.example', link],
    ['before all routes', first, '/auth/client/misskey.example?x=/y', link],
    ['before all routes', first, '/auth/callback/misskey.example', page],
    ['before all routes', first, '/auth/callback/misskey.example?x=/auth/client/misskey.example', page],
    ['before all routes', first, '/auth/client/mastodon.example', page],
    ['before all routes', first, '/', page],
    ['below a path that a proxy changed', below, '/metadata/misskey.example', link],
    ['below a path that a proxy changed', below, '/metadata/mastodon.example', page],
    ['as a route that a proxy changed', route, '/metadata/misskey.example', link],
    ['as a route that a proxy changed', route, '/metadata/mastodon.example', page],
  ])('%s', async (_where, mount, path, expected) => {
    expect(await get(mount, path)).toBe(expected);
  });
});

it('a connection is closed if its answer cannot be made', async () => {
  const failing = new ClientMetadata(site, {
    cached: () => Promise.reject(new Error('down')),
    cache: async () => undefined,
  });
  const server = createServer((req, res) => failing.serve(req, res));
  const port = await listenLocally(server);
  await expect(fetch(`http://127.0.0.1:${port}/auth/client/misskey.example`)).rejects.toThrow();
  server.close();
});

describe('a server that does not fetch it', () => {
  const code = 'MASTODON_DOCUMENT_NOT_FETCHED';
  const records = new Map<string, object>();
  const cache = jest.fn(async (key: string, value: object) => void records.set(key, value));
  const metadata = new ClientMetadata(site, { cached: async (key: string) => records.get(key), cache });
  beforeEach(() => {
    records.clear();
    emittedWarnings.clear();
  });
  afterEach(() => void jest.restoreAllMocks());

  describe('in development', () => {
    inDevelopment();
    it('is reported when another login begins there, and never after the server has fetched the document', async () => {
      await metadata.began('misskey.example');
      expect(allWarnings()).toEqual([]);
      await metadata.began('misskey.example');
      expect(warningsOf(code)).toEqual([
        expect.stringMatching(
          /another login begins at misskey\.example.*https:\/\/site\.example\/auth\/client\/misskey\.example can be opened.*error of their server/s,
        ),
      ]);
      emittedWarnings.clear();
      await metadata.answer('GET', '/auth/client/misskey.example');
      for (let starts = 0; starts < 3; starts += 1) await metadata.began('misskey.example');
      expect(warningsOf(code)).toHaveLength(1);
    });
  });

  it('is reported in production when more than a minute lies between the two starts', async () => {
    const emitted = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const now = Date.now();
    for (const sinceFirst of [0, 1000, 60_000]) {
      jest.spyOn(Date, 'now').mockReturnValue(now + sinceFirst);
      await metadata.began('misskey.example');
    }
    expect(emitted).not.toHaveBeenCalled();
    jest.spyOn(Date, 'now').mockReturnValue(now + 60_001);
    await metadata.began('misskey.example');
    expect(emitted).toHaveBeenCalledTimes(1);
  });

  it('that fetches it often costs the store one write', async () => {
    await metadata.began('misskey.example');
    cache.mockClear();
    for (let fetches = 0; fetches < 3; fetches += 1)
      await metadata.answer('GET', '/auth/client/misskey.example');
    expect(cache).toHaveBeenCalledTimes(1);
  });
});
