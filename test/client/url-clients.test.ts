/** Accounts of Misskey and related servers log in; these servers read the site's client metadata document. */

import { MemoryStore } from 'express-session';
import {
  anInstance,
  atProcess,
  comeBack,
  LockingStore,
  leave,
  open,
  start,
  whoIsLoggedIn,
} from '../support/stage.js';
import type { MisskeyPersonaName } from '../support/stand-in/misskey/persona.js';
import { aMisskey, aURLClientSite, aURLClientStage } from '../support/url-client-stage.js';
import { Visitor } from '../support/visitor.js';

const byURL: MisskeyPersonaName[] = ['misskey2025', 'misskey2025Early', 'misskey2026', 'cherrypick'];

describe.each(byURL)('%s', (persona) => {
  it('logs alice in, with her handle and her actor, under a unique key', async () => {
    const { instance, site } = await aURLClientStage(persona);
    const visitor = new Visitor();
    const page = await visitor.login(site, instance.host);
    expect(page.status).toBe(200);
    const alice = instance.account('alice');
    expect(site.verified).toMatchObject([
      {
        provider: 'mastodon',
        id: `${instance.origin}#${alice.id}`,
        username: 'alice',
        displayName: 'Alice',
        handle: `alice@${instance.host}`,
        handleVerified: true,
        actor: instance.actorOf(alice),
        profileUrl: `${instance.origin}/@alice`,
        photos: [{ value: `${instance.origin}/avatars/${alice.id}.webp` }],
        instance: { origin: instance.origin, host: instance.host, software: instance.persona.software.name },
        _json: { name: 'Alice', avatarUrl: expect.any(String) as string },
      },
    ]);
  });

  it('is recognised by its software, also if it answers another address with the page of its application first', async () => {
    const { instance, site } = await aURLClientStage(persona);
    instance.answerWith('/nodeinfo/2.1', 200, '<!doctype html><title>Loading</title>');
    const { software } = instance.persona;
    instance.answer('/nodeinfo/2.0', (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'application/json' });
      setTimeout(() => res.end(JSON.stringify({ software })), 150);
    });
    await new Visitor().login(site, instance.host);
    expect(site.verified).toMatchObject([{ instance: { software: software.name } }]);
  });

  it('shows the name of the site, and not its address', async () => {
    const { instance, site } = await aURLClientStage(persona, { options: { clientName: 'Tom & "Jerry"' } });
    const visitor = new Visitor();
    const { text } = await visitor.get(await leave(visitor, site, instance.host));
    expect(text).toContain('<h1>Let Tom &#38; &#34;Jerry&#34; know who you are?</h1>');
  });

  it('receives requests for the least scope, with PKCE, with the same ID both times, and never for a secret', async () => {
    const { instance, site } = await aURLClientStage(persona);
    const visitor = new Visitor();
    const away = new URL(await leave(visitor, site, instance.host));
    const clientId = `${site.clientMetadataURL}/${instance.host}`;
    expect(Object.fromEntries(away.searchParams)).toEqual({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: `${site.callbackURL}/${instance.host}`,
      scope: 'read:account',
      state: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge_method: 'S256',
    });
    await open(visitor, await visitor.approve(away.href));
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
    const offered = instance
      .requestsTo('POST /oauth/token')
      .map(({ body }) => body as Record<string, string>);
    for (const body of offered) {
      expect([body['client_id'], body['client_secret']]).toEqual([clientId, undefined]);
      expect(body['code_verifier']).toMatch(/^[\w-]{43}$/);
    }
    expect(instance.requestsTo(/apps|register|client_credentials|miauth/i)).toEqual([]);
    expect(offered.filter(({ grant_type: type }) => type !== 'authorization_code')).toEqual([]);
  });

  it('has refused an invalid code before any user is logged in, and accepts each real one once', async () => {
    const { instance, site } = await aURLClientStage(persona);
    const visitor = new Visitor();
    const callback = await comeBack(visitor, site, instance.host);
    const code = callback.searchParams.get('code');
    await open(visitor, callback);
    const offered = instance
      .requestsTo('POST /oauth/token')
      .map(({ body }) => (body as Record<string, string>)['code']);
    expect(offered.indexOf(code ?? '')).toBeGreaterThan(0);
    expect(offered.filter((text) => text === code)).toHaveLength(1);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
  });

  it('reports that the login was cancelled, or that the account is suspended', async () => {
    const { instance, site } = await aURLClientStage(persona);
    const visitor = new Visitor();
    const away = await leave(visitor, site, instance.host);
    expect((await open(visitor, await visitor.deny(away))).json()).toMatchObject({ code: 'access_denied' });
    instance.account('bob').suspended = true;
    const page = await new Visitor().login(site, instance.host, { as: 'bob' });
    expect([page.status, page.json()]).toMatchObject([403, { code: 'account_unusable' }]);
  });
});

describe('a server like Misskey', () => {
  it('needs no registration that could be deleted: abandoned logins cause no request', async () => {
    const { instance, site } = await aURLClientStage();
    const visitor = new Visitor();
    for (let i = 0; i < 3; i++) await leave(visitor, site, instance.host);
    const documents = instance.requestsTo('/.well-known/oauth-authorization-server').length;
    expect(documents).toBe(1);
    await visitor.login(site, instance.host);
    const grants = instance
      .requestsTo('POST /oauth/token')
      .map(({ body }) => (body as Record<string, string>)['grant_type']);
    expect(new Set(grants)).toEqual(new Set(['authorization_code']));
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
  });

  it('finishes a login in a process that finds no record about its client in the store', async () => {
    const store = new LockingStore();
    const session = { store: new MemoryStore() };
    const instance = await aMisskey();
    const first = await aURLClientSite({ instances: [instance], session, options: { store } });
    const { callbackURL, clientMetadataURL } = first;
    const options = { store, callbackURL, clientMetadataURL };
    const second = await aURLClientSite({ instances: [instance], session, options });
    const visitor = new Visitor();
    const callback = await comeBack(visitor, first, instance.host);
    for (const key of store.records.keys()) if (key.includes(':client')) store.records.delete(key);
    await open(visitor, atProcess(second, visitor, callback));
    expect(await whoIsLoggedIn(visitor, second)).toBe('alice');
  });

  it('confirms handles through itself when it does not federate', async () => {
    const { instance, site } = await aURLClientStage();
    instance.federates = false;
    await new Visitor().login(site, instance.host);
    expect(site.verified).toMatchObject([{ handle: `alice@${instance.host}`, handleVerified: true }]);
    expect(site.verified[0]).not.toHaveProperty('actor');
  });

  it('logs in a user without a display name, typed as a handle', async () => {
    const { instance, site } = await aURLClientStage();
    await new Visitor().login(site, `@bob@${instance.host}`, { as: 'bob' });
    expect(site.verified).toMatchObject([{ username: 'bob', displayName: 'bob' }]);
  });

  it('is asked for its own scopes, whatever the site asks of others', async () => {
    const { instance, site } = await aURLClientStage('misskey2025', {
      options: { scope: 'read:accounts write:statuses' },
    });
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);
  });

  it('cannot revoke a token, and the caller gets an error', async () => {
    const { instance, site } = await aURLClientStage();
    await new Visitor().login(site, instance.host);
    await expect(site.strategy.revoke(instance.origin, 'a-token')).rejects.toMatchObject({
      code: 'revocation_unsupported',
    });
  });
});

describe('the other servers', () => {
  const misskey = /supports the Misskey API/;
  const singleUse = /a new registration of this site for every login/;
  const update = /an update .* can log in here/;

  it.each<[MisskeyPersonaName, 'with' | 'without', RegExp]>([
    ['misskey2025', 'without', misskey],
    ['sharkey', 'without', singleUse],
    ['sharkey', 'with', singleUse],
    ['miAuthOnly', 'without', misskey],
    ['miAuthOnly', 'with', update],
  ])(
    '%s is refused by a site %s client metadata, and the message says why',
    async (persona, how, sentence) => {
      const instance = await aMisskey(persona);
      const options = how === 'without' ? { clientMetadataURL: undefined } : {};
      const site = await aURLClientSite({ instances: [instance], options });
      const page = await start(new Visitor(), site, instance.host);
      const message = expect.stringMatching(sentence) as string;
      expect([page.status, page.json()]).toMatchObject([422, { code: 'instance_unsupported', message }]);
      expect(instance.requestsTo(/miauth/i)).toEqual([]);
    },
  );

  it('a Sharkey whose Mastodon API is down is still recognised', async () => {
    const { instance, site } = await aURLClientStage('sharkey');
    instance.answerWith('/api/v1/instance', 404, { error: { code: 'UNKNOWN_API_ENDPOINT' } });
    const page = await start(new Visitor(), site, instance.host);
    expect([page.status, page.json()]).toMatchObject([422, { reason: 'single_use_apps' }]);
  });

  it('a result of one site does not mislead another one that shares the store', async () => {
    const store = new LockingStore();
    const { instance, site } = await aURLClientStage('misskey2025', { options: { store } });
    await leave(new Visitor(), site, instance.host);
    const other = await aURLClientSite({
      instances: [instance],
      options: { store, clientMetadataURL: undefined },
    });
    expect((await start(new Visitor(), other, instance.host)).json()).toMatchObject({
      code: 'instance_unsupported',
    });
  });

  it('Mastodon registers the site as usual, and never sees the URL', async () => {
    const instance = await anInstance();
    const site = await aURLClientSite({ instances: [instance] });
    const away = new URL(await leave(new Visitor(), site, instance.host));
    expect(away.searchParams.get('client_id')).not.toContain('://');
    expect(instance.requestsTo('POST /api/v1/apps')).toHaveLength(1);
  });
});

it('the state of the application comes back after such a login, too', async () => {
  const { instance, site } = await aURLClientStage('misskey2025', { authenticate: { state: { to: '/x' } } });
  const visitor = new Visitor();
  await visitor.login(site, instance.host);
  const { authInfo } = (await visitor.get(`${site.origin}/me`)).json() as { authInfo: unknown };
  expect(authInfo).toEqual({ state: { to: '/x' } });
});
