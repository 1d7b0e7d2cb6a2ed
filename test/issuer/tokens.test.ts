/** What codes and tokens are valid for, for how long, and what other clients learn about them. */

import { createHmac } from 'node:crypto';
import * as openid from 'openid-client';
import { Visitor } from '../support/visitor';
import type { IssuerClient } from '../../lib/issuer';
import { until } from '../support/hostile';
import { aStage, answerOf, app, ask, discover, logIn, logInAt, openPage, redirectURI, shop } from './stage';

describe('tokens', () => {
  it('a code is valid once; a second use ends the tokens that it gave', async () => {
    const { stage, instance } = await aStage();
    const { config, answer, asked, tokens, claims } = await logIn(stage, instance);
    await expect(openid.authorizationCodeGrant(config, answer, asked.checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(openid.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')).rejects.toMatchObject({
      status: 401,
    });
  });

  it('userinfo accepts GET and POST, and the token endpoint accepts client_secret_post', async () => {
    const { stage, instance } = await aStage({
      clients: [{ ...shop, token_endpoint_auth_method: 'client_secret_post' }],
    });
    const config = await openid.discovery(
      new URL(stage.issuerURL),
      'shop',
      {},
      openid.ClientSecretPost(String(shop.client_secret)),
      { execute: [openid.allowInsecureRequests] },
    );
    const visitor = new Visitor();
    const asked = await ask(config);
    const answer = answerOf(await logInAt(visitor, await openPage(visitor, asked.url), instance));
    const tokens = await openid.authorizationCodeGrant(config, answer, asked.checks);
    const headers = { Authorization: `Bearer ${tokens.access_token}` };
    const got = await (await fetch(`${stage.issuerURL}/userinfo`, { headers })).json();
    const posted = await (await fetch(`${stage.issuerURL}/userinfo`, { method: 'POST', headers })).json();
    expect(got).toEqual(posted);
  });

  it('a revoked token gives no access', async () => {
    const { stage, instance } = await aStage();
    const { config, tokens, claims } = await logIn(stage, instance);
    await openid.tokenRevocation(config, tokens.access_token);
    await expect(openid.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')).rejects.toMatchObject({
      status: 401,
    });
  });

  it('a placeholder address goes to the client that asked for it, and to no other', async () => {
    const { stage, instance } = await aStage({ clients: [{ ...shop, placeholder_email: true }, app] });
    const { claims } = await logIn(stage, instance);
    expect(claims?.email).toMatch(/^[0-9a-f]{32}@mastodon\.invalid$/);
    expect(claims?.email_verified).toBe(false);
    const other = await logIn(stage, instance, { client: app, params: { scope: 'openid email' } });
    expect(other.claims).not.toHaveProperty('email');
    expect(other.claims).not.toHaveProperty('email_verified');
  });
});

describe('introspection', () => {
  it('describes a token to a client with a secret, until the token has ended', async () => {
    const { stage, instance } = await aStage({ introspection: true });
    const { config, tokens, claims } = await logIn(stage, instance, { client: app });
    expect(config.serverMetadata().introspection_endpoint).toBe(`${stage.issuerURL}/introspect`);
    const resource = await discover(stage);
    const { access_token: token } = tokens;
    expect(await openid.tokenIntrospection(resource, token)).toMatchObject({
      active: true,
      sub: claims?.sub,
      client_id: 'app',
      scope: 'openid profile',
      exp: expect.any(Number) as number,
    });
    await openid.tokenRevocation(config, token);
    expect(await openid.tokenIntrospection(resource, token)).toEqual({ active: false });
    expect(await openid.tokenIntrospection(resource, 'made up')).toEqual({ active: false });
  });

  it('refuses a request without the secret of a client that has one', async () => {
    const { stage, instance } = await aStage({ introspection: true });
    const { tokens } = await logIn(stage, instance);
    const body = new URLSearchParams({ client_id: 'shop', token: tokens.access_token });
    expect((await fetch(`${stage.issuerURL}/introspect`, { method: 'POST', body })).status).toBe(401);
  });

  it('does not exist unless it is switched on', async () => {
    const { stage } = await aStage();
    const body = new URLSearchParams({ client_id: 'shop', token: 'x' });
    expect((await fetch(`${stage.issuerURL}/introspect`, { method: 'POST', body })).status).toBe(404);
  });
});

describe('a client with a secret', () => {
  const authorize = async (config: openid.Configuration) => {
    const { url } = await ask(config);
    for (const name of ['code_challenge', 'code_challenge_method']) url.searchParams.delete(name);
    return openPage(new Visitor(), url);
  };

  it('has to use PKCE', async () => {
    const { stage } = await aStage();
    const page = await authorize(await discover(stage));
    expect(answerOf(page).searchParams.get('error')).toBe('invalid_request');
    expect(answerOf(page).searchParams.get('error_description')).toContain('PKCE');
  });

  it('need not use PKCE if the operator exempts it', async () => {
    const { stage } = await aStage({ clients: [{ ...shop, require_pkce: false }] });
    const page = await authorize(await discover(stage));
    expect(page.text).toContain('Where does your account live?');
  });

  it('that is short is refused, and so is a client without one that does not use PKCE', async () => {
    const refused = (client: object) => aStage({ clients: [client as IssuerClient] });
    await expect(refused({ ...shop, client_secret: 'x' })).rejects.toThrow(
      /\(shop\): client_secret has fewer than/,
    );
    await expect(refused({ ...app, require_pkce: false })).rejects.toThrow(
      /\(app\): a client without a secret/,
    );
    await expect(aStage({ secret: 'short' })).rejects.toThrow(/secret has fewer than 32/);
  });

  describe('cannot be guessed without limit by one network, and other networks keep their logins', () => {
    type Proof = Record<string, string>;
    const attempt = async (issuerURL: string, address: string, proof: { basic?: string; fields?: Proof }) => {
      const response = await fetch(`${issuerURL}/token`, {
        method: 'POST',
        headers: {
          'X-Forwarded-For': address,
          ...(proof.basic && { Authorization: `Basic ${Buffer.from(proof.basic).toString('base64')}` }),
        },
        body: new URLSearchParams({
          ...{ grant_type: 'authorization_code', code: 'x', redirect_uri: redirectURI },
          ...proof.fields,
        }),
      });
      const { error } = (await response.json()) as { error: string };
      return { status: response.status, error, challenge: response.headers.get('www-authenticate') };
    };
    const right = `shop:${encodeURIComponent(String(shop.client_secret))}`;
    const network = '203.0.113.7';

    it('by a secret', async () => {
      const { stage } = await aStage({ trustedProxies: 1 });
      const timers = jest.spyOn(globalThis, 'setTimeout');
      for (let i = 0; i < 10; i++) {
        const wrong = await attempt(stage.issuerURL, network, { basic: `shop:guess${i}` });
        expect(wrong).toMatchObject({ status: 401, error: 'invalid_client' });
      }
      // The answer to the right secret and to a wrong one is the same.
      const refused = { status: 429, error: 'invalid_client', challenge: null };
      for (const basic of [right, 'shop:guess', '%73hop:guess', 's%68op:guess'])
        expect(await attempt(stage.issuerURL, network, { basic })).toEqual(refused);
      const known = { status: 400, error: 'invalid_grant' };
      expect(await attempt(stage.issuerURL, '198.51.100.1', { basic: right })).toMatchObject(known);
      for (const [endMinute, ms] of [...timers.mock.calls]) if (ms === 60_000) endMinute();
      expect(await attempt(stage.issuerURL, network, { basic: right })).toMatchObject(known);
      timers.mockRestore();
    });

    it('and meanwhile the right secret uses up no refresh token', async () => {
      const clients = [{ ...shop, grant_types: ['authorization_code', 'refresh_token'] }];
      const { stage, instance } = await aStage({ trustedProxies: 1, clients });
      const params = { scope: 'openid offline_access' };
      const { tokens } = await logIn(stage, instance, { params });
      const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' };
      for (let i = 0; i < 10; i++) await attempt(stage.issuerURL, network, { basic: 'shop:guess' });
      const refused = await attempt(stage.issuerURL, network, { basic: right, fields });
      expect(refused.status).toBe(429);
      const refreshed = await attempt(stage.issuerURL, '198.51.100.1', { basic: right, fields });
      expect(refreshed.status).toBe(200);
    });

    it('and a client without a secret is not refused after failed attempts of others in its network', async () => {
      const { stage } = await aStage({ trustedProxies: 1 });
      for (let i = 0; i < 20; i++) await attempt(stage.issuerURL, network, { basic: 'app:guess' });
      const known = { status: 400, error: 'invalid_grant' };
      const verifier = 'v'.repeat(43);
      const fields = { client_id: 'app', code_verifier: verifier };
      expect(await attempt(stage.issuerURL, network, { fields })).toMatchObject(known);
    });

    it('from many addresses of one /48', async () => {
      const { stage } = await aStage({ trustedProxies: 1 });
      const statuses: number[] = [];
      for (let i = 0; i < 45; i++) {
        const address = `2001:db8:1:${(i * 256).toString(16)}::1`;
        statuses.push((await attempt(stage.issuerURL, address, { basic: 'shop:guess' })).status);
      }
      expect(statuses.filter((status) => status === 401)).toHaveLength(40);
      expect(statuses.at(-1)).toBe(429);
    });

    it('by an assertion that is signed with a secret', async () => {
      const { stage } = await aStage({
        trustedProxies: 1,
        clients: [{ ...shop, token_endpoint_auth_method: 'client_secret_jwt' }],
      });
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const exp = Math.floor(Date.now() / 1000) + 60;
      const fieldsOf = (jti: string, secret: string) => {
        const claims = part({ iss: 'shop', sub: 'shop', aud: stage.issuerURL, jti, exp });
        const signed = `${part({ alg: 'HS256' })}.${claims}`;
        const signature = createHmac('sha256', secret).update(signed).digest('base64url');
        return {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: `${signed}.${signature}`,
        };
      };
      for (let i = 0; i < 10; i++)
        expect(
          (await attempt(stage.issuerURL, network, { fields: fieldsOf(String(i), 'guess') })).status,
        ).toBe(401);
      expect((await attempt(stage.issuerURL, network, { fields: fieldsOf('10', 'guess') })).status).toBe(429);
      const fields = fieldsOf('11', String(shop.client_secret));
      expect((await attempt(stage.issuerURL, network, { fields })).status).toBe(429);
      // The refused assertion was not used up.
      expect((await attempt(stage.issuerURL, '198.51.100.1', { fields })).error).toBe('invalid_grant');
    });
  });
});

it('the token of the visitor’s instance is revoked if the operator wants that, and stays otherwise', async () => {
  for (const revokeToken of [true, false]) {
    const { stage, instance } = await aStage({ revokeToken });
    await logIn(stage, instance);
    await until(() => !revokeToken || instance.requests.some(({ path }) => path === '/oauth/revoke'));
    expect(instance.requests.some(({ path }) => path === '/oauth/revoke')).toBe(revokeToken);
  }
});
