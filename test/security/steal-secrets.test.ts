/** The attacker reads what the site shows, logs, serialises or sends, and looks for a secret, a code or a token. */

import { inspect } from 'node:util';
import { MastodonLogin } from '../../lib/core/index.js';
import { MastodonStrategy } from '../../lib/index.js';
import { createLogin } from '../../lib/web/index.js';
import type { StandIn } from '../support/instance.js';
import type { Site } from '../support/site.js';
import {
  aSite,
  anInstance,
  aStage,
  comeBack,
  JSONStore,
  leastOptions,
  leave,
  open,
  start,
} from '../support/stage.js';
import { Visitor, type Page } from '../support/visitor.js';

/** All output of the site during a test, in every form in which an application might print it. */
const shown: string[] = [];
const warn = (warning: Error) => show(warning);
beforeEach(() => {
  shown.length = 0;
  for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const) {
    jest.spyOn(console, method).mockImplementation((...args: unknown[]) => show(['console', ...args]));
  }
  process.on('warning', warn);
});
afterEach(() => {
  process.off('warning', warn);
  jest.restoreAllMocks();
});

function show(value: unknown): void {
  const { message, stack } = (value ?? {}) as Error;
  shown.push(
    inspect(value, {
      showHidden: true,
      depth: Infinity,
      getters: true,
      maxStringLength: Infinity,
      maxArrayLength: Infinity,
    }),
    JSON.stringify(value) ?? '',
    String(value),
    String(message),
    String(stack),
    ...bytesIn(value),
  );
}

/** The text of every buffer at any depth, because Node's HTTP errors contain the received bytes. */
function bytesIn(value: unknown, seen = new Set<unknown>()): string[] {
  if (Buffer.isBuffer(value)) return [value.toString('latin1')];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  return Reflect.ownKeys(value).flatMap((key) => bytesIn(Reflect.get(value, key), seen));
}

function showPage({ text, headers, location }: Page): void {
  shown.push(text, JSON.stringify(headers), location ?? '');
}

/** Also the values that Passport receives before an application selects some of them. */
function listenToPassport({ strategy }: Site): void {
  const { authenticate } = strategy;
  strategy.authenticate = function (this: typeof strategy, ...args: Parameters<typeof authenticate>) {
    const actions = this as unknown as Record<'fail' | 'error', (...args: unknown[]) => void>;
    for (const name of ['fail', 'error'] as const) {
      const action = actions[name];
      actions[name] = (...told) => {
        told.forEach(show);
        action(...told);
      };
    }
    authenticate.apply(this, args);
  };
}

const secretFields = ['code', 'client_secret', 'code_verifier', 'token'];

function secretsOf(instance: StandIn): string[] {
  const sent = instance.requests.flatMap(({ body }) => secretFields.map((name) => body[name]));
  const known = [
    ...[...instance.apps.values()].map(({ clientSecret }) => clientSecret),
    ...instance.codes.keys(),
    ...[...instance.tokens.values()].flatMap(({ token, refreshToken }) => [token, refreshToken]),
  ];
  return [...new Set([...sent, ...known])].filter(
    (text): text is string => text !== undefined && text.length > 8,
  );
}

function nothingLeaked(instance: StandIn, site: Site): void {
  site.errors.forEach(show);
  const everything = shown.join('\n');
  const secrets = secretsOf(instance);
  expect(secrets.length).toBeGreaterThan(0);
  for (const secret of secrets) {
    // A fragment of a secret counts, too: JSON.parse quotes ten characters of the text that it could not read.
    for (const piece of [secret.slice(0, 8), secret.slice(-8)]) {
      expect(everything).not.toContain(piece);
      expect(everything).not.toContain(Buffer.from(piece).toString('base64').slice(0, -4));
    }
  }
}

async function aWatchedStage(persona: Parameters<typeof aStage>[0] = 'pleroma') {
  const stage = await aStage(persona, { options: { log: show } });
  listenToPassport(stage.site);
  return stage;
}

/** Answers with everything that was sent, secrets first. */
type Echo = (sent: string) => string;
const head = (status: string, headers: string) => `HTTP/1.1 ${status}\r\n${headers}\r\nConnection: close\r\n`;
const json = (status: string, body: object) =>
  `${head(status, 'Content-Type: application/json')}\r\n${JSON.stringify(body)}`;

describe.each(['/api/v1/apps', '/oauth/token', '/api/v1/accounts/verify_credentials'])(
  'an instance that repeats what we sent to %s,',
  (path) => {
    it.each<[string, Echo]>([
      ['in an error', (sent) => json('400 Bad Request', { error: sent, error_description: sent })],
      [
        'in an error that names the client',
        (sent) => json('401 Unauthorized', { error: 'invalid_client', error_description: sent }),
      ],
      ['in a refusal of the account', (sent) => json('403 Forbidden', { error: sent })],
      ['in a crash', (sent) => json('500 Oh', { error: sent, stack: sent })],
      ['in an answer that is none', (sent) => json('200 OK', { hello: sent })],
      [
        'in broken JSON',
        (sent) => `${head('200 OK', 'Content-Type: application/json')}\r\n{"x":"${sent}" oh}`,
      ],
      ['in place of JSON', (sent) => `${head('200 OK', 'Content-Type: application/json')}\r\n${sent}`],
      ['in a page', (sent) => `${head('200 OK', 'Content-Type: text/html')}\r\n<p>${sent}`],
      ['as the type of the answer', (sent) => `${head('200 OK', `Content-Type: x/${sent}`)}\r\n{}`],
      ['as its encoding', (sent) => `${head('200 OK', `Content-Encoding: ${sent}`)}\r\n{}`],
      ['as its status', (sent) => head(`400 ${sent}`, 'X: y') + '\r\n'],
      ['in a header that breaks off', (sent) => `${head('200 OK', `X: ${sent}`)}${sent}\0\r\n\r\n`],
      ['in place of HTTP', (sent) => `${sent}\r\n\r\n`],
      ['as a place to go to', (sent) => head('302 Found', `Location: http://localhost:1/?${sent}`) + '\r\n'],
      ['as a place that is none', (sent) => head('302 Found', `Location: http://[${sent}`) + '\r\n'],
      ['as a wait', (sent) => head('429 Slow', `Retry-After: ${sent}`) + '\r\n'],
      ['as another protocol', (sent) => head('101 Switching', `Upgrade: ${sent}`) + '\r\n'],
      ['as what is not compressed', (sent) => `${head('200 OK', 'Content-Encoding: gzip')}\r\n${sent}`],
      ['and hangs up', () => ''],
    ])('%s, is not repeated by us', async (_how, echo) => {
      const { instance, site, visitor } = await aWatchedStage();
      const atStart = path === '/api/v1/apps';
      const callback = atStart ? undefined : await comeBack(visitor, site, instance.host);
      instance.answer(path, (req, _res, { body }) => {
        if (atStart) remember(instance, body['redirect_uris'] ?? '');
        const secrets = [
          ...secretFields.map((name) => body[name]),
          req.headers.authorization,
          ...secretsOf(instance),
        ];
        req.socket.end(echo(secrets.filter(Boolean).join('&')));
      });
      const page = callback ? await open(visitor, callback) : await start(visitor, site, instance.host);
      showPage(page);
      expect(page.status).toBeGreaterThanOrEqual(400);
      nothingLeaked(instance, site);
    });
  },
);

/** An app that the instance registered for the site, whether or not its answer arrived. */
function remember(instance: StandIn, redirectURI: string): void {
  const clientSecret = instance.secret();
  const app = { id: '1', name: 'x', website: null, redirectURIs: [redirectURI], scopes: ['read'] };
  instance.apps.set('client-id', { ...app, clientId: 'client-id', clientSecret });
}

it('a whole login, and a forged one, send and show no secret', async () => {
  for (const family of ['mastodon45', 'pleroma', 'pixelfed'] as const) {
    const { instance, site, visitor } = await aWatchedStage(family);
    const location = await leave(visitor, site, instance.host);
    shown.push(location);
    // The code is in the URL that the browser opens at the site, and nowhere else.
    await visitor.get(await visitor.approve(location));
    const forged = new URL(await leave(visitor, site, instance.host));
    const state = forged.searchParams.get('state') ?? '';
    showPage(await visitor.get(`${site.callbackURL}/${instance.host}?code=a-forged-code&state=${state}`));
    // The site's requests, without the visitor's own steps.
    const ours = instance.requests.filter(({ headers }) => headers['user-agent']?.startsWith('passport'));
    expect(ours.length).toBeGreaterThan(5);
    shown.push(
      ...ours.map(({ url }) => url),
      ...ours.map(({ headers: { authorization: _, ...others } }) => JSON.stringify(others)),
    );
    nothingLeaked(instance, site);
    shown.length = 0;
  }
});

it('the token travels in the Authorization header to the account, and nowhere else', async () => {
  const { instance, site, visitor } = await aStage();
  await visitor.login(site, instance.host);
  const withToken = instance.requests.filter(({ headers }) => headers.authorization !== undefined);
  expect(withToken.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /api/v1/accounts/verify_credentials',
  ]);
});

describe('a store whose errors contain the stored values', () => {
  class TalkativeStore extends JSONStore {
    broken: 'get' | 'set' | 'delete' | undefined;
    override async get(key: string) {
      const value = await super.get(key);
      if (this.broken === 'get') this.fail('GET', key, value);
      return value;
    }
    override async set(key: string, value: unknown) {
      await super.set(key, value);
      if (this.broken === 'set') this.fail('SET', key, value);
    }
    override async delete(key: string) {
      const value = await super.get(key);
      if (this.broken === 'delete') this.fail('DEL', key, value);
      return super.delete(key);
    }
    private fail(command: string, key: string, value: unknown): never {
      const text = `READONLY ${command} ${key} ${JSON.stringify([...this.records])}`;
      throw Object.assign(new Error(text, { cause: value }), {
        command: { name: command, args: [key, value] },
        value,
      });
    }
  }

  it.each(['get', 'set', 'delete'] as const)(
    'at %s, at the start and at the end of a login',
    async (operation) => {
      const store = new TalkativeStore();
      const instance = await anInstance();
      const site = await aSite({ instances: [instance], options: { store } });
      listenToPassport(site);
      const visitor = new Visitor();
      const callback = await comeBack(visitor, site, instance.host);
      const verifiers = [...store.records.values()].flatMap(
        (text) => /"codeVerifier":"([^"]+)"/.exec(text)?.[1] ?? [],
      );
      expect(verifiers).toHaveLength(1);
      store.broken = operation;
      showPage(await open(visitor, callback));
      showPage(await start(visitor, site, instance.host));
      expect(site.errors).toContainEqual(expect.objectContaining({ code: 'store_failed' }));
      nothingLeaked(instance, site);
      expect(shown.join('\n')).not.toContain(verifiers[0]);
      expect(shown.join('\n')).not.toContain('READONLY');
    },
  );

  it('also if the adapter reports it as an event, or rejects with a text', async () => {
    for (const error of ['SET key secret-text', { message: 'secret-text', command: 'secret-text' }, null]) {
      const instance = await anInstance();
      const store = new JSONStore();
      const site = await aSite({ instances: [instance], options: { store } });
      listenToPassport(site);
      await leave(new Visitor(), site, instance.host);
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the purpose of this test
      store.set = () => Promise.reject(error);
      showPage(await start(new Visitor(), site, instance.host));
      site.errors.forEach(show);
      expect(site.errors).toHaveLength(1);
      expect(shown.join('\n')).not.toContain('secret-text');
    }
  });
});

it('an application’s own error reaches its error handler unchanged, without the package’s beside it', async () => {
  const instance = await anInstance();
  const mine = new Error('database down');
  const site = await aSite({ instances: [instance], verify: async (_a: string) => Promise.reject(mine) });
  listenToPassport(site);
  showPage(await new Visitor().login(site, instance.host));
  expect(site.errors).toEqual([mine]);
  nothingLeaked(instance, site);
});

it('a printed or serialised object of the package shows no password of the proxy', () => {
  const options = { ...leastOptions, outbound: { proxy: 'http://user:proxy-password@proxy.example:3128' } };
  const strategy = new MastodonStrategy({ ...options, passReqToCallback: false }, async () => false);
  for (const one of [new MastodonLogin(options), createLogin(options), strategy]) {
    expect(inspect(one, { showHidden: true, depth: Infinity }) + JSON.stringify(one)).not.toContain(
      'proxy-password',
    );
  }
});
