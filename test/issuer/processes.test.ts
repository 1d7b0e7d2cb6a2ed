/** Several issuer processes on a real Redis: another process can finish a login, and only once. */

import { createServer, request } from 'node:http';
import { createClient } from '@redis/client';
import * as openid from 'openid-client';
import { Keyring } from '../../lib/issuer/keys';
import { IssuerStore } from '../../lib/issuer/store';
import { Store } from '../../lib/store';
import { redisStore } from '../../lib/stores';
import { listenLocally } from '../support/free-port';
import type { StandIn } from '../support/instance';
import { redisAvailable, startRedis, type Redis } from '../support/redis';
import { anInstance } from '../support/stage';
import { Visitor, type Page } from '../support/visitor';
import { aDocumentSite, aKeyPair, anOpenIssuer, discoverAs } from './document-stage';
import {
  anIssuer,
  answerOf,
  ask,
  discover,
  logIn,
  logInAt,
  openPage,
  press,
  shop,
  television,
  type IssuerStage,
} from './stage';

const missing = redisAvailable();
const withRedis = missing === undefined ? describe : describe.skip;

withRedis(`issuers on one Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let redis: Redis;
  const open: { close(): unknown }[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
  afterAll(() => redis.stop());

  /** A separate connection, like each process has. */
  async function aStore() {
    const client = createClient({ url: redis.url });
    await client.connect();
    open.push({ close: () => client.destroy() });
    return redisStore(client);
  }

  /** Sends every request to the next process, like a proxy in front of them. */
  async function aFront(): Promise<{ issuerURL: string; processes: IssuerStage[] }> {
    const processes: IssuerStage[] = [];
    let turn = 0;
    const server = createServer((req, res) => {
      const { origin } = processes[turn++ % processes.length]!;
      const { method, headers, url = '/' } = req;
      const onward = request(origin + url, { method: method!, headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
      });
      req.pipe(onward);
    });
    const issuerURL = `http://localhost:${await listenLocally(server)}`;
    open.push({ close: () => (server.closeAllConnections(), server.close()) });
    return { issuerURL, processes };
  }

  /** Started at the same moment. */
  async function aStage(instances?: readonly StandIn[], count = 3) {
    const all = instances ?? [await anInstance()];
    const { issuerURL, processes } = await aFront();
    const start = async () =>
      anIssuer(all, { issuerURL, store: await aStore(), isFirstStart: true, introspection: true });
    processes.push(...(await Promise.all(Array.from({ length: count }, start))));
    return { issuerURL, processes, instance: all[0]! };
  }

  /** The responses of all processes to the same request at the same moment. */
  const ofEach = <T>(processes: readonly IssuerStage[], ask: (origin: string) => Promise<T>): Promise<T[]> =>
    Promise.all(processes.map(({ origin }) => ask(origin)));

  const post = async (url: string, fields: Record<string, string>) =>
    (await (await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })).json()) as Record<
      string,
      unknown
    >;

  it('that start together for the first time make one set of keys', async () => {
    const { processes } = await aStage(undefined, 4);
    const sets = await ofEach(processes, async (origin) => (await fetch(`${origin}/jwks`)).text());
    expect(new Set(sets).size).toBe(1);
    expect((JSON.parse(sets[0] ?? '') as { keys: unknown[] }).keys).toHaveLength(1);
  });

  it('share every step of a login, and its result', async () => {
    const { issuerURL, instance } = await aStage();
    const { config, claims, tokens, visitor } = await logIn({ issuerURL }, instance);
    expect(claims).toMatchObject({ iss: issuerURL, nickname: 'alice' });
    for (let i = 0; i < 3; i++) {
      const info = await openid.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '');
      expect(info.nickname).toBe('alice');
    }
    const asked = await ask(config, { prompt: 'none' });
    const answer = answerOf(await openPage(visitor, asked.url));
    expect((await openid.authorizationCodeGrant(config, answer, asked.checks)).claims()?.sub).toBe(
      claims?.sub,
    );
    expect(instance.registrations).toBe(1);
    await openid.tokenRevocation(config, tokens.access_token);
    for (let i = 0; i < 3; i++) {
      expect((await openid.tokenIntrospection(config, tokens.access_token)).active).toBe(false);
    }
  });

  it('give tokens for a code once, if several requests send it at the same time', async () => {
    const { issuerURL, processes, instance } = await aStage();
    const config = await discover({ issuerURL });
    const visitor = new Visitor();
    for (let round = 0; round < 5; round++) {
      const asked = await ask(config);
      const page = await openPage(visitor, asked.url);
      const back =
        round === 0
          ? await logInAt(visitor, page, instance)
          : page.location === undefined
            ? await visitor.follow(await press(visitor, page, { action: 'continue' }))
            : page;
      const answers = await ofEach(processes, (origin) =>
        post(`${origin}/token`, {
          grant_type: 'authorization_code',
          code: answerOf(back).searchParams.get('code') ?? '',
          redirect_uri: shop.redirect_uris![0]!,
          code_verifier: asked.checks.pkceCodeVerifier,
          client_id: shop.client_id,
          client_secret: shop.client_secret!,
        }),
      );
      expect(answers.filter(({ access_token: token }) => token !== undefined)).toHaveLength(1);
      expect(answers.filter(({ error }) => error === 'invalid_grant')).toHaveLength(2);
    }
  });

  it('never give a device its tokens twice, whichever process it asks', async () => {
    const { issuerURL, processes, instance } = await aStage();
    const config = await discover({ issuerURL }, television);
    const device = await openid.initiateDeviceAuthorization(config, { scope: 'openid' });
    const visitor = new Visitor();
    const compared = await press(visitor, await openPage(visitor, device.verification_uri_complete ?? ''));
    await logInAt(visitor, await visitor.follow(await press(visitor, compared)), instance);
    const askFor = (origin: string) =>
      post(`${origin}/token`, {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: television.client_id,
        device_code: device.device_code,
      });
    const answers = await ofEach(processes, askFor);
    const given = answers.filter(({ access_token: token }) => token !== undefined);
    // A token request during the first one may count as a stolen code, which revokes the tokens.
    expect(given.length).toBeLessThanOrEqual(1);
    const later = await ofEach(processes, askFor);
    expect(later.map(({ error }) => error)).toEqual(Array(3).fill('invalid_grant'));
  });

  it('let one of two people approve a device if both press the button at the same moment', async () => {
    const { issuerURL, processes, instance } = await aStage();
    const config = await discover({ issuerURL }, television);
    const people = [new Visitor(), new Visitor()];
    for (const person of people) await logIn({ issuerURL }, instance, { visitor: person });
    for (let round = 0; round < 3; round++) {
      const device = await openid.initiateDeviceAuthorization(config, { scope: 'openid' });
      const pages: Page[] = [];
      for (const person of people) {
        const typed = await openPage(person, device.verification_uri_complete ?? '');
        pages.push(await press(person, typed));
      }
      const confirmed = await Promise.all(people.map((person, i) => press(person, pages[i]!)));
      const [won, ...others] = confirmed.filter(({ text }) => !text.includes('This code was already used'));
      expect(others).toEqual([]);
      const person = people[confirmed.indexOf(won!)]!;
      // A user who has consented to the client before is not asked again.
      const page = await person.follow(won!);
      const done = page.text.includes('continue')
        ? await person.follow(await press(person, page, { action: 'continue' }))
        : page;
      expect(done.text).toContain('You may close this window');
    }
    expect(processes.flatMap(({ events }) => events.filter(([event]) => event === 'failed'))).toEqual([]);
  });

  it('accept an assertion of a client once, whichever process receives it', async () => {
    const site = await aDocumentSite();
    const { metadata, auth } = await aKeyPair();
    site.metadata = metadata;
    const { issuerURL, processes } = await aFront();
    for (let i = 0; i < 3; i++) {
      const options = { issuerURL, store: await aStore(), isFirstStart: true };
      processes.push(await anOpenIssuer([], [site], options));
    }
    let sent: URLSearchParams | undefined;
    const config = await discoverAs({ issuerURL }, site.clientId, auth);
    config[openid.customFetch] = (_url, { body }) => {
      sent = new URLSearchParams(String(body));
      throw new Error('not sent');
    };
    for (let round = 0; round < 5; round++) {
      await openid
        .genericGrantRequest(config, 'authorization_code', { code: 'x', redirect_uri: site.redirectURI })
        .catch(() => undefined);
      const answers = await ofEach(processes, (origin) =>
        post(`${origin}/token`, Object.fromEntries(sent ?? [])),
      );
      expect(answers.map(({ error }) => error).sort()).toEqual([
        'invalid_client',
        'invalid_client',
        'invalid_grant',
      ]);
    }
  });

  it('lose no key if two processes create a new one at the same moment, and publish all of them', async () => {
    let time = 1_800_000_000_000;
    const keyring = async () => {
      const store = new IssuerStore(new Store(await aStore(), 1000), 'https://rotated.example');
      const ring = new Keyring(store, () => time);
      await ring.open();
      return ring;
    };
    const rings = await Promise.all([keyring(), keyring(), keyring()]);
    const ids = async () => {
      for (const ring of rings) ring.current();
      // The records of another process are read while the request is handled.
      const shown = await keyring();
      return new Set(shown.current().jwks.map(({ kid }) => kid));
    };
    expect((await ids()).size).toBe(1);
    const [first] = await ids();
    await Promise.all([rings[0]!.rotate(), rings[1]!.rotate()]);
    expect((await ids()).size).toBe(3);
    time += 6 * 60_000;
    expect(await ids()).toContain(first);
    expect((await keyring()).current().jwks[0]?.kid).not.toBe(first);
  });
});
