/** A site that uses every entry point. It runs as it is, and bundled, under several runtimes. */

import byDefault, { MastodonStrategy } from 'passport-mastodon-oauth2';
import { createBridge } from 'passport-mastodon-oauth2/bridge';
import { MastodonLoginElement } from 'passport-mastodon-oauth2/button';
import { loginForm } from 'passport-mastodon-oauth2/button/form';
import { ErrorCode, MastodonError, MastodonLogin } from 'passport-mastodon-oauth2/core';
import { createIssuer } from 'passport-mastodon-oauth2/issuer';
import { openEmbeddedStore, redisStore } from 'passport-mastodon-oauth2/stores';
import { startInstance } from 'passport-mastodon-oauth2/testing';
import { createLogin } from 'passport-mastodon-oauth2/web';

const callbackURL = 'https://site.example/callback';
const publicURL = 'https://site.example';

/**
 * Logs a visitor in with the web API, checks that the same response is refused the second time, and constructs one object of
 * each other entry point.
 * @param hasLMDB whether the package lmdb, which no bundle can contain, is there
 */
export async function logIn({ hasIssuer = true, hasLMDB = false } = {}) {
  const instance = await startInstance({ accounts: ['ada'] });
  const options = { clientName: 'A site', callbackURL, developmentInstances: [instance.origin] };
  const login = createLogin(options);
  const body = new FormData();
  body.set('instance', instance.host);
  const begun = await login.begin(new Request(publicURL, { method: 'POST', body }), { state: 7 });
  const callback = await instance.approve(begun.headers.get('location'));
  const back = () =>
    new Request(callback, { headers: { cookie: begun.headers.get('set-cookie').split(';')[0] } });
  const { profile, state } = await login.finish(back());
  const again = await login.finish(back()).catch((error) => error);
  await instance.close();

  const strategy = new MastodonStrategy(options, async () => undefined);
  if (hasIssuer) {
    const redirectURI = 'https://client.example/callback';
    const clients = [{ client_id: 'a', client_secret: 'b'.repeat(32), redirect_uris: [redirectURI] }];
    await (await createIssuer({ clientName: 'A site', issuerURL: publicURL, clients })).close();
  }
  if (hasLMDB) await (await openEmbeddedStore('store.mdb')).close();
  const bridge = createBridge({ clientName: 'A site', publicURL });
  await bridge.close();
  return {
    profile: profile.username,
    state,
    again: again instanceof MastodonError && again.code === ErrorCode.login_expired,
    strategy: strategy instanceof byDefault && strategy.name,
    found: await new MastodonLogin(options).find('unknown').catch(({ code }) => code),
    form: loginForm({ action: '/login' }).slice(0, 15),
    others: [redisStore, MastodonLoginElement].map((one) => typeof one),
  };
}
