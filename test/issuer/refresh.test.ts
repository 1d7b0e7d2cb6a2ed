/** Refresh tokens: the clients that receive them, how often one can be used, and what revokes them. */

import * as openid from 'openid-client';
import { Keyv } from 'keyv';
import { Visitor } from '../support/visitor';
import { aStage, anIssuer, app, ask, discover, logIn, openPage, press, shop, television } from './stage';

const grants = ['authorization_code', 'refresh_token'];
const site = { ...shop, grant_types: grants, post_logout_redirect_uris: ['https://client.example/bye'] };
const program = { ...app, grant_types: grants };
const offline = { scope: 'openid offline_access' };

type LoggedIn = Awaited<ReturnType<typeof logIn>>;

const refresh = ({ config, tokens }: LoggedIn, token = tokens.refresh_token ?? '') =>
  openid.refreshTokenGrant(config, token);
const refused = { error: 'invalid_grant' };

async function userinfoStatus({ config, claims }: LoggedIn, token: string): Promise<number> {
  const answer = await openid
    .fetchUserInfo(config, token, claims?.sub ?? '')
    .catch((error: unknown) => error);
  return (answer as { status?: number }).status ?? 200;
}

describe('a refresh token', () => {
  it('is given to a client that may have one and asks for offline_access, with the consent of the user', async () => {
    const { stage, instance, visitor } = await aStage({ clients: [site, { ...app }] });
    const login = await logIn(stage, instance, { client: site, params: offline, visitor });
    const next = await refresh(login);
    expect(next.claims()?.sub).toBe(login.claims?.sub);
    expect(await userinfoStatus(login, next.access_token)).toBe(200);
    expect((await logIn(stage, instance, { client: site })).tokens.refresh_token).toBeUndefined();
    const other = await logIn(stage, instance, { client: app, params: offline });
    expect(other.tokens.refresh_token).toBeUndefined();
    // A logged-in user is asked for consent, also if the client does not send prompt=consent.
    const again = await openPage(visitor, (await ask(login.config, offline)).url);
    expect(again.text).toContain('Continue as');
    expect(again.text).toContain('It may stay logged in for 14 days.');
    const plain = await openPage(new Visitor(), (await ask(login.config)).url);
    expect(plain.text).not.toContain('stay logged in');
  });

  it('outlives the session, and ends after its lifetime however often it is replaced', async () => {
    const day = 24 * 60 * 60 * 1000;
    const { stage, instance } = await aStage({ clients: [program], refreshTtlMs: 2 * day });
    const login = await logIn(stage, instance, { client: program, params: offline });
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now');
    try {
      clock.mockReturnValue(now + 1.5 * day);
      const next = await refreshAt(stage.issuerURL, login.tokens.refresh_token);
      expect(next).toHaveProperty('access_token');
      clock.mockReturnValue(now + 2.1 * day);
      expect(await refreshAt(stage.issuerURL, next.refresh_token)).toMatchObject(refused);
    } finally {
      clock.mockRestore();
    }
  });

  it('is valid once: a second use ends the login, whether the thief or the client comes second', async () => {
    const { stage, instance } = await aStage({ clients: [program] });
    const login = await logIn(stage, instance, { client: program, params: offline });
    const next = await refresh(login);
    await expect(refresh(login)).rejects.toMatchObject(refused);
    await expect(refresh(login, next.refresh_token)).rejects.toMatchObject(refused);
    expect(await userinfoStatus(login, next.access_token)).toBe(401);
  });

  it('is valid once for two that use it at the same moment, and the tokens that one of them got end', async () => {
    const { stage, instance } = await aStage({ clients: [program] });
    const login = await logIn(stage, instance, { client: program, params: offline });
    const ends = await Promise.allSettled([refresh(login), refresh(login), refresh(login)]);
    const won = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    expect(won.length).toBeLessThanOrEqual(1);
    for (const { refresh_token: token } of won)
      await expect(refresh(login, token)).rejects.toMatchObject(refused);
  });

  it('of one client is useless to another', async () => {
    const { stage, instance } = await aStage({ clients: [program, { ...program, client_id: 'other' }] });
    const login = await logIn(stage, instance, { client: program, params: offline });
    const other = await discover(stage, { ...program, client_id: 'other' });
    await expect(openid.refreshTokenGrant(other, login.tokens.refresh_token ?? '')).rejects.toMatchObject(
      refused,
    );
    expect(await refresh(login)).toHaveProperty('access_token');
  });
});

async function refreshAt(issuerURL: string, token = ''): Promise<Record<string, string>> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'app', refresh_token: token });
  return (await fetch(`${issuerURL}/token`, { method: 'POST', body })).json() as Promise<
    Record<string, string>
  >;
}

describe('a logout ends the refresh tokens of the user at the client', () => {
  const logout = async ({ config, tokens, visitor }: LoggedIn) =>
    openPage(visitor, openid.buildEndSessionUrl(config, { id_token_hint: tokens.id_token ?? '' }));

  it('those of earlier sessions included, those of other users and clients not', async () => {
    const { stage, instance, visitor } = await aStage({ clients: [site, program] });
    const earlier = await logIn(stage, instance, { client: site, params: offline });
    const login = await logIn(stage, instance, { client: site, params: offline, visitor });
    const other = await logIn(stage, instance, { client: site, params: offline, as: 'bob' });
    const elsewhere = await logIn(stage, instance, { client: program, params: offline });
    await press(visitor, await logout(login), { logout: 'yes' });
    await expect(refresh(login)).rejects.toMatchObject(refused);
    await expect(refresh(earlier)).rejects.toMatchObject(refused);
    expect(await refresh(other)).toHaveProperty('access_token');
    expect(await refresh(elsewhere)).toHaveProperty('access_token');
    // Directly after it, the user may log in again.
    const again = await logIn(stage, instance, { client: site, params: offline, visitor });
    expect(await refresh(again)).toHaveProperty('access_token');
  });

  it('if only this client is left', async () => {
    const { stage, instance, visitor } = await aStage({ clients: [site] });
    const login = await logIn(stage, instance, { client: site, params: offline, visitor });
    await press(visitor, await logout(login));
    await expect(refresh(login)).rejects.toMatchObject(refused);
  });

  it('if the session is over, with the ID token', async () => {
    const { stage, instance } = await aStage({ clients: [site] });
    const login = await logIn(stage, instance, { client: site, params: offline });
    await logout({ ...login, visitor: new Visitor() });
    await expect(refresh(login)).rejects.toMatchObject(refused);
  });
});

describe('the operator', () => {
  it('can end all sessions and tokens of a user, in every process, and of no other', async () => {
    const store = new Keyv();
    const { stage, instance } = await aStage({ clients: [program, television], store });
    const other = await anIssuer([instance], { issuerURL: stage.issuerURL, clients: [program], store });
    const visitor = new Visitor();
    const login = await logIn(stage, instance, { client: program, params: offline, visitor });
    const bob = await logIn(stage, instance, { client: program, params: offline, as: 'bob' });
    await other.issuer.endLogins(login.claims?.sub ?? '');
    await expect(refresh(login)).rejects.toMatchObject(refused);
    expect(await userinfoStatus(login, login.tokens.access_token)).toBe(401);
    const silent = await ask(login.config, { prompt: 'none' });
    expect((await openPage(visitor, silent.url)).location).toContain('error=login_required');
    expect(await userinfoStatus(bob, bob.tokens.access_token)).toBe(200);
    // A login after that is a new one, and makes no old token valid again.
    const again = await logIn(stage, instance, { client: program, params: offline });
    expect(await refresh(again)).toHaveProperty('access_token');
    await expect(refresh(login)).rejects.toMatchObject(refused);
    expect((await openPage(visitor, silent.url)).location).toContain('error=login_required');
  });

  it.each(['alice@mastodon.social', 'https://mastodon.social', ''])(
    'learns that %j names no user, whose sessions would go on',
    async (subject) => {
      const { stage } = await aStage();
      await expect(stage.issuer.endLogins(subject)).rejects.toThrow(/must be a sub/);
    },
  );

  it('can end a login that is complete but for its last redirect', async () => {
    const { stage, instance, visitor } = await aStage();
    const page = await openPage(visitor, (await ask(await discover(stage))).url);
    const left = await press(visitor, page, { instance: instance.host }, 'name="instance"');
    const back = await visitor.get(await visitor.approve(left.location ?? ''));
    await stage.issuer.endLogins(`${instance.origin}#${String(instance.account('alice').id)}`);
    const end = await visitor.get(back.location ?? '');
    expect(end.location).toBeUndefined();
    expect(end.text).toContain('not valid any more');
  });
});
