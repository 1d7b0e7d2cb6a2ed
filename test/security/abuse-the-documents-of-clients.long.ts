/**
 * The attacker names a URL as a client, to reach inner servers through the issuer, to impersonate a client, or to
 * exhaust it.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import * as openid from 'openid-client';
import {
  aDocumentSite,
  aKeyPair,
  anOpenIssuer,
  discoverAs,
  type DocumentSite,
} from '../issuer/document-stage';
import { answerOf, ask, logIn, logInAt, openPage, press, shop, type IssuerStage } from '../issuer/stage';
import { anInstance, ExpiringStore, JSONStore } from '../support/stage';
import { Visitor, type Page } from '../support/visitor';

async function aStage(options: Parameters<typeof anOpenIssuer>[2] = {}) {
  const [instance, site] = [await anInstance(), await aDocumentSite()];
  const stage = await anOpenIssuer([instance], [site], options);
  const request = async (clientId = site.clientId, redirectURI = site.redirectURI): Promise<Page> => {
    const { url } = await ask(await discoverAs(stage, clientId), { redirect_uri: redirectURI });
    return openPage(new Visitor(), url);
  };
  return { instance, site, stage, request };
}

function expectRefusal(page: Page, why: RegExp | string): void {
  expect(page).toMatchObject({ status: 400, location: undefined });
  expect(page.text).toMatch(why);
}

describe('the issuer sends no request to an inner server', () => {
  it.each([
    ['an address', 'https://127.0.0.1/client.json'],
    ['an address in another spelling', 'https://2130706433/client.json'],
    ['an address of IPv6', 'https://[::1]/client.json'],
    ["a cloud's own service", 'https://169.254.169.254/latest/meta-data'],
    ['a name of this machine', 'https://localhost/client.json'],
    ['a name without a dot', 'https://intranet/client.json'],
    ['a name that leads inside', 'https://rebound.example/client.json'],
    ['plain http', 'http://app.example/client.json'],
    ['a password', 'https://user:password@app.example/client.json'],
  ])('by %s: %s', async (_what, clientId) => {
    const { request, stage } = await aStage();
    expectRefusal(await request(clientId), 'invalid_client');
    const sent = stage.events.filter(([event]) => event === 'request').map(([, { code }]) => code);
    expect(sent.every((code) => code === 'instance_unreachable')).toBe(true);
  });

  it('by a port of its choice', async () => {
    const { request } = await aStage();
    const unlisted = await aDocumentSite();
    expectRefusal(await request(unlisted.clientId, unlisted.redirectURI), 'invalid_client');
    expect(unlisted.requests).toEqual([]);
  });

  it('by a redirect', async () => {
    const { site, request, stage } = await aStage();
    const inner = await aDocumentSite('other.example');
    site.answer = (_req, res) => void res.writeHead(302, { Location: inner.clientId }).end();
    expectRefusal(await request(), 'invalid_client');
    site.answer = (_req, res) => void res.writeHead(302, { Location: `${site.origin}/other.json` }).end();
    expectRefusal(await request(`${site.origin}/second.json`), 'invalid_client');
    expect(inner.requests).toEqual([]);
    expect(site.requests).toEqual(['/client.json', '/second.json']);
    expect(stage.events.filter(([event]) => event === 'failed')).toEqual([]);
  });

  it('for the keys of a client, whose URL its document may choose', async () => {
    const { site, stage } = await aStage();
    const inner = await aDocumentSite('other.example');
    site.metadata = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: inner.clientId };
    const claims = Buffer.from(
      JSON.stringify({ iss: site.clientId, sub: site.clientId, aud: stage.issuerURL }),
    );
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'one' }));
    const assertion = [header, claims, Buffer.alloc(64)].map((part) => part.toString('base64url')).join('.');
    const answer = await fetch(`${stage.issuerURL}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: 'x',
        redirect_uri: site.redirectURI,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      }),
    });
    expect(await answer.json()).toMatchObject({ error: 'invalid_client' });
    expect(inner.requests).toEqual([]);
  });
});

describe('a document causes no other request', () => {
  it.each(['sector_identifier_uri', 'jwks_uri'])('by its %s', async (name) => {
    const { site, request } = await aStage();
    const other = await aDocumentSite('other.example');
    site.metadata = { [name]: other.clientId };
    for (let i = 0; i < 3; i++) expectRefusal(await request(), 'invalid_client');
    expect(other.requests).toEqual([]);
    // Not even the document itself is requested again at once.
    expect(site.requests).toHaveLength(1);
  });
});

describe('a visitor who follows a link of an unreviewed client', () => {
  it('is not redirected after the logout without a press', async () => {
    const { site, stage } = await aStage();
    site.metadata = { post_logout_redirect_uris: [`${site.origin}/bye`] };
    const config = await discoverAs(stage, site.clientId);
    const url = openid.buildEndSessionUrl(config, {
      post_logout_redirect_uri: `${site.origin}/bye`,
      state: '"><script>',
    });
    const page = await openPage(new Visitor(), url);
    expect(page).toMatchObject({ status: 200, location: undefined });
    expect(page.text).toContain(`<a href="${site.origin}/bye?state=%22%3E%3Cscript%3E">`);
    expect(page.text).not.toContain('<form');
    expect(site.requests).toEqual(['/client.json']);
  });

  it.each(['login', 'continue'])(
    'and presses twice by mistake (%s), is asked once more where no script runs',
    async (action) => {
      const { site, stage, instance } = await aStage({ clients: [shop] });
      const { visitor } = await logIn(stage, instance);
      const config = await discoverAs(stage, site.clientId);
      const { url } = await ask(config, { redirect_uri: site.redirectURI });
      const page = await openPage(visitor, url);
      const seen = instance.requests.length;
      const again = await press(visitor, page, { action, instance: instance.host, meant: '' });
      expect(again).toMatchObject({ status: 200, location: undefined });
      expect(again.text).toMatch(/<input type="checkbox" name="meant" value="yes" required>/);
      expect(instance.requests).toHaveLength(seen);
      const meant = await press(visitor, again, { action, instance: instance.host });
      expect(meant.status).toBe(303);
    },
  );
});

describe('a client with a key', () => {
  it('has to use PKCE, like any other', async () => {
    const { site, stage } = await aStage();
    const { metadata, auth } = await aKeyPair();
    site.metadata = { ...metadata, require_pkce: false };
    const config = await discoverAs(stage, site.clientId, auth);
    const { url } = await ask(config, { redirect_uri: site.redirectURI });
    for (const name of ['code_challenge', 'code_challenge_method']) url.searchParams.delete(name);
    const { location = '' } = await openPage(new Visitor(), url);
    expect(new URL(location).searchParams.get('error')).toBe('invalid_request');
  });

  it.each([
    ['for 31,000 years', 31_000 * 365 * 24 * 3600],
    ['for two hours', 7200],
    ['without an end', undefined],
  ])('has no assertion kept %s', async (_what, seconds) => {
    const store = new JSONStore();
    const { site, stage } = await aStage({ store });
    const { metadata, auth } = await aKeyPair({
      [openid.modifyAssertion]: (_header, payload) => {
        payload['exp'] = seconds === undefined ? undefined : Math.floor(Date.now() / 1000) + seconds;
      },
    });
    site.metadata = metadata;
    const config = await discoverAs(stage, site.clientId, auth);
    const before = store.records.size;
    const request = openid.genericGrantRequest(config, 'authorization_code', {
      code: 'x',
      redirect_uri: site.redirectURI,
    });
    await expect(request).rejects.toMatchObject({ error: 'invalid_client' });
    expect(store.records.size).toBe(before);
  });

  it('can use each assertion once', async () => {
    const { site, stage } = await aStage();
    const { metadata, auth } = await aKeyPair({
      [openid.modifyAssertion]: (_header, payload) => (payload['jti'] = 'the same'),
    });
    site.metadata = metadata;
    const config = await discoverAs(stage, site.clientId, auth);
    const request = () =>
      openid
        .genericGrantRequest(config, 'authorization_code', { code: 'x', redirect_uri: site.redirectURI })
        .catch((error: { error?: string }) => error.error);
    expect((await Promise.all([request(), request(), request()])).sort()).toEqual([
      'invalid_client',
      'invalid_client',
      'invalid_grant',
    ]);
  });
});

describe('a document is accepted only if', () => {
  const json = 'application/json';
  const least = (site: DocumentSite) => ({
    client_id: site.clientId,
    redirect_uris: [site.redirectURI],
    token_endpoint_auth_method: 'none',
  });
  const changed = (changes: object) => (site: DocumentSite) => JSON.stringify({ ...least(site), ...changes });

  it.each<[string, number, string, (site: DocumentSite) => string]>([
    ['it is no page', 200, 'text/html', changed({})],
    ['it is no plain text', 200, 'text/plain', changed({})],
    ['it is JSON', 200, json, () => '<html>'],
    ['it is an object', 200, json, (site) => JSON.stringify([least(site)])],
    ['it has 5 KB', 200, json, changed({ pad: 'x'.repeat(5120) })],
    ['it is no flood', 200, json, changed({ pad: 'x'.repeat(1e6) })],
    ['it says that it is of this URL', 200, json, changed({ client_id: 'https://app.example/other' })],
    ['it says of which URL it is', 200, json, changed({ client_id: undefined })],
    ['it is there', 404, json, changed({})],
  ])('%s', async (_what, status, type, text) => {
    const { site, request, stage } = await aStage();
    site.answer = (_req, res) => void res.writeHead(status, { 'Content-Type': type }).end(text(site));
    expectRefusal(await request(), /invalid_client/);
    expect(stage.events.filter(([event]) => event === 'failed')).toEqual([]);
  });

  it.each([
    ['that is public', { client_secret: 'known to all' }],
    ['that it was never given', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['that the default asks for', { token_endpoint_auth_method: undefined }],
    ['for its ID tokens', { id_token_signed_response_alg: 'HS256' }],
  ])('it has no secret %s', async (_what, metadata) => {
    const { site, request } = await aStage();
    site.metadata = metadata;
    expectRefusal(await request(), /invalid_client|invalid_client_metadata/);
  });
});

describe('an unreviewed client sends visitors to', () => {
  it.each([
    ['no script', 'javascript:alert(document.domain)//'],
    ['no page of its making', 'data:text/html,hello'],
    ['no file', 'file:///etc/passwd'],
    ['no other app by its intent', 'intent://scan/#Intent;end'],
    ['nothing of the system', 'ms-settings:network'],
    ['no mail address', 'mailto:user@example.org'],
    ['no other machine in the clear', 'http://app.example/callback'],
    ['no machine of the same network', 'http://192.168.0.1/callback'],
    ['no host with a password', 'https://user:password@app.example/callback'],
  ])('%s: %s', async (_what, uri) => {
    const { site, request } = await aStage();
    for (const [i, type] of ['native', 'web'].entries()) {
      site.metadata = { application_type: type, redirect_uris: [uri] };
      expectRefusal(await request(`${site.origin}/${i}.json`, uri), /redirect_uri/);
      site.metadata = { application_type: type, post_logout_redirect_uris: [uri] };
      expectRefusal(await request(`${site.origin}/logout-${i}.json`), /redirect_uri/);
    }
  });

  it('nowhere that its document does not name', async () => {
    const { site, request } = await aStage();
    expectRefusal(await request(site.clientId, `${site.origin}/elsewhere`), 'invalid_redirect_uri');
  });
});

it('an unreviewed client learns nothing of the tokens of others', async () => {
  const { site, stage, instance } = await aStage({ clients: [shop], introspection: true });
  const { tokens } = await logIn(stage, instance);
  const { metadata, auth } = await aKeyPair();
  site.metadata = metadata;
  const config = await discoverAs(stage, site.clientId, auth);
  expect(await openid.tokenIntrospection(config, tokens.access_token)).toEqual({ active: false });
});

describe('an attacker who names endless documents', () => {
  it('causes one request for one that fails', async () => {
    const { site, request } = await aStage();
    site.answer = (_req, res) => void res.writeHead(503).end();
    for (let i = 0; i < 5; i++) expectRefusal(await request(), 'invalid_client');
    expect(site.requests).toHaveLength(1);
  });

  it('waits for slow ones no longer than a request may take, and delays no other request', async () => {
    const [instance, slow, good] = [
      await anInstance(),
      await aDocumentSite(),
      await aDocumentSite('other.example'),
    ];
    let [underWay, most] = [0, 0];
    let allAreTaken: () => void = () => undefined;
    const taken = new Promise<void>((resolve) => (allAreTaken = resolve));
    slow.answer = (_req, res) => {
      most = Math.max(most, ++underWay);
      if (underWay === 4) allAreTaken();
      res.once('close', () => underWay--);
      // Begins a response, and never ends it.
      res.writeHead(200, { 'Content-Type': 'application/json' }).write('{');
    };
    const stage = await anOpenIssuer([instance], [slow, good], { outbound: { timeoutMs: 2500 } });
    const { url } = await ask(await discoverAs(stage, slow.clientId), { redirect_uri: slow.redirectURI });
    const quick = await ask(await discoverAs(stage, good.clientId), { redirect_uri: good.redirectURI });
    const pending = Array.from({ length: 12 }, async (_, i) => {
      const one = new URL(url);
      one.searchParams.set('client_id', `${slow.origin}/${i}.json`);
      return openPage(new Visitor(), one);
    });
    await taken;
    expect((await openPage(new Visitor(), quick.url)).status).toBe(200);
    for (const page of await Promise.all(pending)) expectRefusal(page, 'invalid_client');
    expect(most).toBe(4);
  });

  it('leaves no record of refused ones, and a small one of the others', async () => {
    const store = new JSONStore();
    const { site, stage } = await aStage({ store });
    const config = await discoverAs(stage, site.clientId);
    const { url } = await ask(config, { redirect_uri: site.redirectURI });
    const open = (clientId: string, state = 'x') => {
      const one = new URL(url);
      one.searchParams.set('client_id', clientId);
      one.searchParams.set('state', state);
      return openPage(new Visitor(), one);
    };
    const [records] = [store.records.size];
    site.answer = (_req, res) => void res.writeHead(404).end();
    for (let i = 0; i < 5; i++) await open(`${site.origin}/${i}.json`);
    await open(`${site.origin}/${'x'.repeat(1024)}.json`);
    site.answer = undefined;
    // Longer than any URL of a client, or of a whole request, may be.
    expect((await open(`${site.origin}/${'y'.repeat(1024)}.json`)).status).toBe(400);
    expect((await open(`${site.origin}/long.json`, 'x'.repeat(10_000))).status).toBe(414);
    expect(store.records.size).toBe(records);
    const before = [...store.records.values()].join('').length;
    site.metadata = { pad: 'x'.repeat(4000) };
    for (let i = 0; i < 5; i++) expect((await open(`${site.origin}/good-${i}.json`)).status).toBe(200);
    const grown = [...store.records.values()].join('').length - before;
    expect(grown).toBeLessThan(5 * 2000);
  });
});

describe('links with made-up documents at the domain of a client', () => {
  /** The site has one document, and a page for every other path. */
  async function aFloodedStage() {
    const store = new ExpiringStore();
    const [instance, site] = [await anInstance(), await aDocumentSite()];
    const { clientId } = site;
    const pretend = (req: IncomingMessage, res: ServerResponse) => {
      const isItself = site.origin + String(req.url) === clientId;
      res.writeHead(isItself ? 200 : 404, { 'Content-Type': 'application/json' });
      const [redirect_uris, token_endpoint_auth_method] = [[site.redirectURI], 'none'];
      res.end(JSON.stringify({ client_id: clientId, redirect_uris, token_endpoint_auth_method }));
    };
    site.answer = pretend;
    const open = async (stage: IssuerStage, id: string, from: string): Promise<number> => {
      const { url } = await ask(await discoverAs(stage, site.clientId), { redirect_uri: site.redirectURI });
      url.searchParams.set('client_id', id);
      url.host = new URL(stage.origin).host;
      const headers = { 'X-Forwarded-For': from, Accept: 'text/html' };
      const visitor = new Visitor();
      const { status, location } = await visitor.get(url.href, headers);
      return location === undefined ? status : (await visitor.get(location, headers)).status;
    };
    const flood = (stage: IssuerStage, addresses: readonly string[], each: number) =>
      Promise.all(
        addresses.map(async (from, n) => {
          for (let i = 0; i < each; i++) await open(stage, `${site.origin}/made-up-${n}-${i}`, from);
        }),
      );
    const start = (options = {}) =>
      anOpenIssuer([instance], [site], { store, trustedProxies: 1, ...options });
    return { instance, site, open, flood, start };
  }
  const networks = (count: number) => Array.from({ length: count }, (_, i) => `198.51.100.${i + 1}`);

  it('of one network do not block the first visitor of the client', async () => {
    const { site, open, flood, start } = await aFloodedStage();
    const stage = await start();
    await flood(stage, ['198.51.100.1'], 120);
    expect(site.requests.length).toBeLessThanOrEqual(10);
    expect(await open(stage, site.clientId, '192.0.2.1')).toBe(200);
  });

  it('of one /48 do not either', async () => {
    const { site, open, flood, start } = await aFloodedStage();
    const stage = await start();
    const ownAddresses = Array.from({ length: 120 }, (_, i) => `2001:db8:1:${(i * 256).toString(16)}::1`);
    await flood(stage, ownAddresses, 2);
    expect(site.requests.length).toBeLessThanOrEqual(40);
    expect(await open(stage, site.clientId, '192.0.2.1')).toBe(200);
  });

  it('of twelve networks, which use up the requests to a domain, do not either', async () => {
    const { site, open, flood, start } = await aFloodedStage();
    const stage = await start();
    await flood(stage, networks(12), 10);
    expect(site.requests.length).toBeLessThan(120);
    expect(await open(stage, site.clientId, '198.51.100.1')).toBe(400);
    expect(await open(stage, site.clientId, '192.0.2.1')).toBe(200);
  });

  it.each([
    ['in capitals', (id: string) => id.replace('app.example', 'APP.example')],
    ['with a query', (id: string) => `${id}?again`],
  ])('have one URL %s fetched once, however often it is asked for', async (_how, spelled) => {
    const { site, open, start } = await aFloodedStage();
    const { answer } = site;
    site.answer = (req, res) => {
      req.url = '/client.json';
      answer?.(req, res);
    };
    const stage = await start();
    for (let i = 0; i < 8; i++) expect(await open(stage, spelled(site.clientId), '198.51.100.1')).toBe(400);
    expect(site.requests).toHaveLength(1);
    expect(await open(stage, site.clientId, '192.0.2.1')).toBe(200);
  });

  it('of two hundred networks do not block a client that has logged in before, also after a restart', async () => {
    const { instance, site, open, flood, start } = await aFloodedStage();
    const before = await start();
    const config = await discoverAs(before, site.clientId);
    const asked = await ask(config, { redirect_uri: site.redirectURI });
    const visitor = new Visitor();
    const answer = answerOf(await logInAt(visitor, await openPage(visitor, asked.url), instance));
    await openid.authorizationCodeGrant(config, answer, asked.checks);
    const stage = await start({ issuerURL: before.issuerURL });
    await flood(stage, networks(200), 1);
    expect(await open(stage, `${site.origin}/other.json`, '192.0.2.1')).toBe(400);
    expect(await open(stage, site.clientId, '192.0.2.1')).toBe(200);
  });
});
