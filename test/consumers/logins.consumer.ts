/** Whole logins with OpenID clients of other projects, set up as in docs/issuer-clients.md. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { anIssuer, logInAt, press } from '../issuer/stage';
import { freePort } from '../support/free-port';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor, type Page } from '../support/visitor';
import { rowOf, settingsOf } from './recipe';
import { certificate, folder, itUnless, printed, problemOf, started, startSite } from './running';

const test = 'test/consumers/logins.consumer.ts';
const secret = 'f2d1c6a0b94e4f7d8c3a5e6b7d8f9a01';

interface Person {
  readonly instance: StandIn;
  readonly username: string;
}

interface Consumer {
  /** The beginning of its row in docs/issuer-clients.md. */
  readonly product: string;
  /** The file in `sites/`. */
  readonly file: string;
  readonly callback: string;
  /**
   * A text in the settings that docs/issuer-clients.md shows for it. Default: the page shows an excerpt of the
   * file.
   */
  readonly recipe?: string;
  readonly clientId?: string;
  readonly client?: object;
  /** Begins the login; the page is a redirect to the issuer. Default: opens `/login`. */
  readonly begin?: (visitor: Visitor, origin: string) => Promise<Page>;
  /** The name that the site shows. Default: the display name. */
  readonly name?: RegExp;
  /** The reason why it cannot run here. */
  readonly problem?: string | undefined;
}

const pressButton = async (visitor: Visitor, origin: string) =>
  press(visitor, await visitor.get(`${origin}/`));
const python = (modules: string) => problemOf('/usr/bin/python3', ['-c', `import ${modules}`]);

const consumers: readonly Consumer[] = [
  { product: 'express-openid-connect', file: 'express-openid-connect.mjs', callback: '/callback' },
  {
    product: 'passport-openidconnect',
    file: 'passport-openidconnect.mjs',
    callback: '/callback',
    client: { require_pkce: false },
  },
  {
    product: 'Better Auth',
    file: 'better-auth.mjs',
    callback: '/api/auth/callback/mastodon',
    client: { placeholder_email: true },
  },
  {
    product: '@auth/express',
    file: 'auth-express.mjs',
    callback: '/auth/callback/mastodon',
    async begin(visitor, origin) {
      const { csrfToken } = (await visitor.get(`${origin}/auth/csrf`)).json() as { csrfToken: string };
      return visitor.post(`${origin}/auth/signin/mastodon`, { csrfToken, callbackUrl: `${origin}/` });
    },
  },
  { product: '@fastify/oauth2', file: 'fastify-oauth2.mjs', callback: '/callback' },
  {
    product: '@hono/oidc-auth',
    file: 'hono-oidc-auth.mjs',
    callback: '/callback',
    client: { grant_types: ['authorization_code', 'refresh_token'] },
  },
  { product: 'arctic', file: 'arctic.mjs', callback: '/callback' },
  {
    product: 'grant',
    file: 'grant.mjs',
    callback: '/connect/mastodon/callback',
    begin: (visitor, origin) => visitor.get(`${origin}/connect/mastodon`),
  },
  {
    product: 'social-django',
    file: 'social-django.py',
    recipe: 'SOCIAL_AUTH_OIDC_KEY',
    clientId: 'social-django',
    callback: '/complete/oidc/',
    client: { require_pkce: false, preferred_username: 'nickname' },
    begin: pressButton,
    // Two people with one nickname: social-django adds a random suffix for the second one.
    name: /^alice[0-9a-f]*$/,
    problem: python('django, jose, social_django'),
  },
  {
    product: 'Authlib',
    file: 'flask-authlib.py',
    recipe: 'server_metadata_url',
    clientId: 'authlib',
    callback: '/callback',
    problem: python('authlib, flask, requests'),
  },
  {
    product: 'omniauth-openid-connect',
    file: 'omniauth.rb',
    recipe: 'OmniAuth::Builder',
    clientId: 'omniauth',
    callback: '/auth/mastodon/callback',
    client: { require_pkce: false },
    begin: pressButton,
    problem: problemOf('/usr/bin/ruby', [
      '-e',
      'require "omniauth_openid_connect"; require "sinatra/base"; require "webrick"',
    ]),
  },
];

/** The members of a client that the page has to name. */
const membersOf = (text: string) =>
  text.match(/require_pkce: false|placeholder_email|preferred_username|grant_types/g);

describe.each(consumers)('$product', (consumer) => {
  const { product, callback, client = {}, clientId = 'site', problem } = consumer;

  it('has the members of its client in the documents', () => {
    const members = Object.keys(client).map((name) =>
      name === 'require_pkce' ? 'require_pkce: false' : name,
    );
    expect(new Set(membersOf(rowOf(product)))).toEqual(new Set(members));
  });

  itUnless(
    problem,
    '.ci/install-consumers',
    'logs users in, and keeps people of one name apart',
    async () => {
      const instances = [await anInstance(), await anInstance()];
      const origin = `http://localhost:${await freePort()}`;
      const { issuerURL } = await anIssuer(instances, {
        tls: certificate,
        clients: [
          {
            client_id: clientId,
            client_secret: secret,
            client_name: 'A site',
            redirect_uris: [origin + callback],
            ...client,
          },
        ],
      });
      const addresses = { issuerURL, origin, secret };
      await startSite(consumer.file, {
        ISSUER: issuerURL,
        ORIGIN: origin,
        CLIENT_ID: clientId,
        CLIENT_SECRET: secret,
        DATABASE: join(mkdtempSync(join(folder, 'site-')), 'database'),
        RECIPE: consumer.recipe === undefined ? '' : settingsOf(test, consumer.recipe, addresses),
      });
      const accounts: unknown[] = [];
      for (const instance of [instances[0]!, instances[1]!, instances[0]!]) {
        const visitor = new Visitor();
        const begin = consumer.begin ?? (() => visitor.get(`${origin}/login`));
        await comeBack(visitor, await begin(visitor, origin), { instance, username: 'alice' }, origin);
        const me = (await visitor.get(`${origin}/me`)).json() as Record<string, unknown> | null;
        expect(me).toMatchObject({
          sub: subOf({ instance, username: 'alice' }),
          name: expect.stringMatching(consumer.name ?? /^Alice$/),
        });
        accounts.push(me?.account ?? me?.sub);
      }
      expect(accounts[1]).not.toBe(accounts[0]);
      expect(accounts[2]).toBe(accounts[0]);
    },
  );
});

const subOf = ({ instance, username }: Person) =>
  `${instance.origin}#${String(instance.account(username).id)}`;

/** Logs in at the instance; returns the consumer's first page after its callback. */
async function comeBack(visitor: Visitor, begun: Page, person: Person, origin: string): Promise<Page> {
  if (begun.location === undefined) throw new Error(`Not sent to the issuer: ${begun.status} ${begun.text}`);
  const page = await visitor.follow(await visitor.get(begun.location));
  const back = await logInAt(visitor, page, person.instance, person.username);
  expect(String(back.location)).toContain(origin);
  return visitor.follow(await visitor.get(back.location ?? ''));
}

describe('Node-RED', () => {
  let home: string;
  // A folder inside the packages, where the settings find passport-openidconnect.
  beforeEach(() => void (home = mkdtempSync(join(__dirname, 'node_modules', '.node-red-'))));
  afterEach(() => rmSync(home, { recursive: true }));

  it('gives each person their permissions, and refuses others', async () => {
    const [one, two] = [await anInstance(), await anInstance()];
    const [admin, reader, stranger] = [
      { instance: one, username: 'alice' },
      { instance: two, username: 'alice' },
      { instance: one, username: 'bob' },
    ] as const;
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    const { issuerURL } = await anIssuer([one, two], {
      tls: certificate,
      clients: [
        {
          client_id: 'node-red',
          client_secret: secret,
          redirect_uris: [`${origin}/auth/strategy/callback`],
          require_pkce: false,
        },
      ],
    });
    expect(membersOf(rowOf('Node-RED'))).toEqual(['require_pkce: false']);
    const recipe = settingsOf(
      test,
      'adminAuth',
      { issuerURL, origin, secret },
      { 'https://mastodon.social#7112': subOf(admin), 'https://fosstodon.org#85': subOf(reader) },
    );
    const ours = {
      uiHost: '127.0.0.1',
      uiPort: port,
      userDir: home,
      telemetry: { enabled: false },
      logging: { console: { level: 'info' } },
    };
    const settings = join(home, 'settings.js');
    writeFileSync(settings, `${recipe}\nObject.assign(module.exports, ${JSON.stringify(ours)});\n`);
    const program = join(__dirname, 'node_modules', 'node-red', 'red.js');
    const env = { HOME: home, NODE_RED_DISABLE_TELEMETRY: 'true' };
    await printed(started(process.execPath, [program, '--settings', settings], env), 'Server now running');

    const userAt = async (person: Person) => {
      const visitor = new Visitor();
      const begun = await visitor.get(`${origin}/auth/strategy`);
      const { url } = await comeBack(visitor, begun, person, origin);
      // Not decoded, like the editor reads it.
      const token = /[?&]access_token=([^&]*)/.exec(url)?.[1];
      const answer = await visitor.get(`${origin}/settings`, { Authorization: `Bearer ${token}` });
      return answer.status === 200 ? (answer.json() as { user: unknown }).user : answer.status;
    };
    expect(await userAt(admin)).toMatchObject({ username: subOf(admin), permissions: '*' });
    expect(await userAt(reader)).toMatchObject({ username: subOf(reader), permissions: 'read' });
    expect(await userAt(stranger)).toBe(401);
  });
});
