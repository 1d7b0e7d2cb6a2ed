/** `prompt`, `max_age` and existing sessions: when a visitor must log in again, and as which user. */

import * as openid from 'openid-client';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import {
  anIssuer,
  aStage,
  answerOf,
  app,
  ask,
  discover,
  errorAt,
  formsOf,
  logIn,
  logInAt,
  openPage,
  press,
  shop,
} from './stage';

describe('prompt and max_age', () => {
  it('none: a visitor who is not logged in sees no page', async () => {
    const { stage, visitor } = await aStage();
    const { url } = await ask(await discover(stage), { prompt: 'none' });
    expect(await errorAt(visitor, url)).toBe('login_required');
  });

  it('none: a user who is logged in and has consented to this client continues; another client needs consent', async () => {
    const { stage, instance } = await aStage();
    const { visitor, claims, config } = await logIn(stage, instance);
    const asked = await ask(config, { prompt: 'none' });
    const answer = answerOf(await openPage(visitor, asked.url));
    const again = await openid.authorizationCodeGrant(config, answer, asked.checks);
    expect(again.claims()?.sub).toBe(claims?.sub);
    const { url } = await ask(await discover(stage, app), { prompt: 'none' });
    expect(await errorAt(visitor, url)).toBe('consent_required');
  });

  it('none: does not disclose to a client that the user, without consent, is the hinted one', async () => {
    const { stage, instance } = await aStage();
    const { visitor } = await logIn(stage, instance);
    const config = await discover(stage, app);
    for (const name of ['alice', 'bob']) {
      const hinted = await ask(config, { prompt: 'none', login_hint: `@${name}@${instance.host}` });
      expect(await errorAt(visitor, hinted.url)).toBe('consent_required');
    }
  });

  it('consent to a second client takes one button', async () => {
    const { stage, instance } = await aStage();
    const { visitor, claims } = await logIn(stage, instance);
    const config = await discover(stage, app);
    const { url, checks } = await ask(config);
    const page = await openPage(visitor, url);
    expect(page.text).toContain(`@alice@${instance.host}`);
    const answer = answerOf(await visitor.follow(await press(visitor, page, { action: 'continue' })));
    const tokens = await openid.authorizationCodeGrant(config, answer, checks);
    expect(tokens.claims()?.sub).toBe(claims?.sub);
  });

  it('login: asks again, also at the instance', async () => {
    const { stage, instance } = await aStage();
    const { visitor, config } = await logIn(stage, instance);
    const { url } = await ask(config, { prompt: 'login' });
    const page = await openPage(visitor, url);
    expect(formsOf(page).some(({ text }) => text.includes('continue'))).toBe(false);
    const left = await press(visitor, page, { instance: instance.host });
    expect(new URL(left.location ?? '').searchParams.get('force_login')).toBe('true');
  });

  it('max_age: asks again when the login is older, and states its time', async () => {
    const { stage, instance } = await aStage();
    const { visitor, config } = await logIn(stage, instance);
    const { url, checks } = await ask(config, { max_age: '0' });
    const page = await openPage(visitor, url);
    expect(page.text).toContain('once more');
    const answer = answerOf(await logInAt(visitor, page, instance));
    const tokens = await openid.authorizationCodeGrant(config, answer, { ...checks, maxAge: 10 });
    expect(tokens.claims()?.auth_time).toEqual(expect.any(Number));
  });

  it('select_account: offers the current account, and another one, whose login replaces it', async () => {
    const { stage, instance } = await aStage();
    const { visitor, config, claims } = await logIn(stage, instance);
    const { url, checks } = await ask(config, { prompt: 'select_account' });
    const page = await openPage(visitor, url);
    expect(page.text).toContain('Continue as');
    const left = await press(visitor, page, { instance: instance.host }, 'name="instance"');
    expect(new URL(left.location ?? '').searchParams.get('force_login')).toBe('true');
    // As if bob had signed in at the instance, whose sign-in page the stand-in skips.
    visitor.jars.delete(instance.host);
    const back = await visitor.get(await visitor.approve(left.location ?? '', { as: 'bob' }));
    const answer = answerOf(await visitor.follow(back));
    const tokens = await openid.authorizationCodeGrant(config, answer, checks);
    expect(tokens.claims()?.nickname).toBe('bob');
    expect(tokens.claims()?.sub).not.toBe(claims?.sub);
  });
});

it('a login as another account in a second tab, which was opened before the first login, ends no token of the first', async () => {
  const client = { ...shop, grant_types: ['authorization_code', 'refresh_token'] };
  const { stage, instance, visitor } = await aStage({ clients: [client] });
  const { host } = new URL(stage.issuerURL);
  const config = await discover(stage);
  // Cookies of a pending login have a path, so each tab has its own.
  const tab = new Visitor();
  await openPage(visitor, (await ask(config)).url);
  tab.jars.set(host, new Map(visitor.jars.get(host)));
  const second = await ask(config);
  const page = await openPage(tab, second.url);
  const { tokens } = await logIn(stage, instance, { visitor, params: { scope: 'openid offline_access' } });
  for (const [name, value] of visitor.jars.get(host) ?? [])
    if (/-session/.test(name)) tab.jars.get(host)?.set(name, value);
  const answer = answerOf(await logInAt(tab, page, instance, 'bob'));
  const bob = await openid.authorizationCodeGrant(config, answer, second.checks);
  expect(bob.claims()?.nickname).toBe('bob');
  const alice = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '');
  expect(alice.claims()?.nickname).toBe('alice');
  // The browser is bob's from now on.
  const former = await openPage(visitor, (await ask(config, { prompt: 'none' })).url);
  expect(former.location).toContain('error=login_required');
});

it('select_account: another account may be at another instance, and its number alone does not identify it', async () => {
  const [one, two] = [await anInstance(), await anInstance()];
  const stage = await anIssuer([one, two]);
  const { visitor, config, claims } = await logIn(stage, one);
  const asked = await ask(config, { prompt: 'select_account', login_hint: two.host });
  const page = await openPage(visitor, asked.url);
  expect(page.text).toContain(`@alice@${one.host}`);
  expect(formsOf(page)[1]?.fields.instance).toBe(two.host);
  const answer = answerOf(await logInAt(visitor, page, two));
  const other = (await openid.authorizationCodeGrant(config, answer, asked.checks)).claims();
  expect(other?.sub).toBe(`${two.origin}#${String(two.account('alice').id)}`);
  expect(other?.sub.split('#')[1]).toBe(claims?.sub.split('#')[1]);
  // From now on the second user is logged in here; the first session has ended.
  const silent = await ask(config, { prompt: 'none' });
  const again = answerOf(await openPage(visitor, silent.url));
  const tokens = await openid.authorizationCodeGrant(config, again, silent.checks);
  expect(tokens.claims()?.sub).toBe(other?.sub);
  const hinted = await ask(config, { prompt: 'select_account' });
  expect((await openPage(visitor, hinted.url)).text).toContain(`@alice@${two.host}`);
});
