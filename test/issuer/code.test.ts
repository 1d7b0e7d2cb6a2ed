/** The authorization code grant at the issuer, with openid-client. */

import * as openid from 'openid-client';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { anIssuer, app, logIn } from './stage';

describe('a login with openid-client', () => {
  it('names the user, in the ID token and at userinfo', async () => {
    const instance = await anInstance();
    const stage = await anIssuer([instance]);
    const { config, tokens, claims } = await logIn(stage, instance);
    const sub = `${instance.origin}#${String(instance.account('alice').id)}`;
    const expected = {
      sub,
      name: 'Alice',
      nickname: 'alice',
      preferred_username: `alice@${instance.host}`,
      profile: instance.profileURLOf(instance.account('alice')),
      mastodon_handle: `alice@${instance.host}`,
      mastodon_handle_verified: true,
      mastodon_instance: instance.origin,
    };
    expect(claims).toMatchObject({ ...expected, iss: stage.issuerURL, aud: 'shop' });
    expect(claims).not.toHaveProperty('email');
    const info = await openid.fetchUserInfo(config, tokens.access_token, sub);
    expect(info).toMatchObject(expected);
  });

  it('works for a public client with PKCE, from the first start on', async () => {
    const instance = await anInstance();
    const stage = await anIssuer([instance], { isFirstStart: true });
    const { claims } = await logIn(stage, instance, { client: app, visitor: new Visitor() });
    expect(claims).toMatchObject({ aud: 'app', nickname: 'alice' });
  });
});
