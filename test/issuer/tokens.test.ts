/** What codes and tokens are good for, and for how long; and what others are told about them. */

import * as openid from 'openid-client';
import { Visitor } from '../support/visitor';
import { aStage, answerOf, app, ask, discover, logIn, logInAt, openPage, shop } from './stage';

describe('tokens', () => {
  it('a code is good once; who brings it again ends what it was good for', async () => {
    const { stage, instance } = await aStage();
    const { config, answer, asked, tokens, claims } = await logIn(stage, instance);
    await expect(openid.authorizationCodeGrant(config, answer, asked.checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(openid.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')).rejects.toMatchObject({
      status: 401,
    });
  });

  it('userinfo answers GET and POST, and client_secret_post is understood', async () => {
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

  it('a revoked token opens nothing', async () => {
    const { stage, instance } = await aStage();
    const { config, tokens, claims } = await logIn(stage, instance);
    await openid.tokenRevocation(config, tokens.access_token);
    await expect(openid.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')).rejects.toMatchObject({
      status: 401,
    });
  });

  it('a placeholder for an address goes to the client that asked for it, and to no other', async () => {
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
  it('tells a client with a secret about a token, until the token has ended', async () => {
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

  it('takes nobody without a secret for a client that has one', async () => {
    const { stage, instance } = await aStage({ introspection: true });
    const { tokens } = await logIn(stage, instance);
    const body = new URLSearchParams({ client_id: 'shop', token: tokens.access_token });
    expect((await fetch(`${stage.issuerURL}/introspect`, { method: 'POST', body })).status).toBe(401);
  });

  it('is not there unless it is switched on', async () => {
    const { stage } = await aStage();
    const body = new URLSearchParams({ client_id: 'shop', token: 'x' });
    expect((await fetch(`${stage.issuerURL}/introspect`, { method: 'POST', body })).status).toBe(404);
  });
});
