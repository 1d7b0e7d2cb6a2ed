/** A client names a user, and another user logs in at the issuer: the client must not confuse them. */

import * as openid from 'openid-client';
import { aStage, answerOf, ask, discover, formsOf, logIn, logInAt, openPage } from '../issuer/stage';
import { Visitor } from '../support/visitor';

/** The client names a user, and another user logs in. */
async function answerAfter(params: (host: string) => Record<string, string>, as: string) {
  const { stage, instance, visitor } = await aStage();
  const config = await discover(stage);
  const { url } = await ask(config, params(instance.host));
  const answer = answerOf(await logInAt(visitor, await openPage(visitor, url), instance, as));
  return { answer, stage, visitor, config };
}

describe('a login_hint', () => {
  it.each([
    ['a handle', (host: string) => `@bob@${host}`],
    ['a handle in capitals', (host: string) => `Bob@${host}`],
    ['an acct: URI', (host: string) => `acct:bob@${host}`],
  ])('that is %s is for that person only', async (_what, hint) => {
    const other = await answerAfter((host) => ({ login_hint: hint(host) }), 'alice');
    expect(other.answer.searchParams.get('error')).toBe('login_required');
    expect(other.answer.searchParams.has('code')).toBe(false);
    // The other user is not logged in here either.
    const silent = await ask(other.config, { prompt: 'none' });
    const later = answerOf(await openPage(other.visitor, silent.url));
    expect(later.searchParams.get('error')).toBe('login_required');
    const same = await answerAfter((host) => ({ login_hint: hint(host) }), 'bob');
    expect(same.answer.searchParams.has('code')).toBe(true);
  });

  it.each([
    ['a server', (host: string) => host],
    ['no address', () => 'bob, who else?'],
  ])('that is %s is for every user', async (_what, hint) => {
    const { answer } = await answerAfter((host) => ({ login_hint: hint(host) }), 'alice');
    expect(answer.searchParams.has('code')).toBe(true);
  });

  it('that names another user than the logged-in one leads to the login page, and fails with prompt=none', async () => {
    const { stage, instance } = await aStage();
    const { visitor, config } = await logIn(stage, instance);
    const hint = { login_hint: `@bob@${instance.host}` };
    const page = await openPage(visitor, (await ask(config, hint)).url);
    expect(formsOf(page).some(({ text }) => text.includes('continue'))).toBe(false);
    expect(page.text).toContain('It expects the account');
    const silent = await ask(config, { ...hint, prompt: 'none' });
    const answer = answerOf(await openPage(visitor, silent.url));
    expect(answer.searchParams.get('error')).toBe('login_required');
    const own = await ask(config, { login_hint: `@alice@${instance.host}`, prompt: 'none' });
    expect(answerOf(await openPage(visitor, own.url)).searchParams.has('code')).toBe(true);
  });
});

it('an id_token_hint is for its user only', async () => {
  const { stage, instance } = await aStage();
  const { tokens, config } = await logIn(stage, instance, { as: 'bob' });
  for (const [as, what] of [
    ['alice', 'error'],
    ['bob', 'code'],
  ] as const) {
    const visitor = new Visitor();
    const { url, checks } = await ask(config, { id_token_hint: tokens.id_token ?? '' });
    const answer = answerOf(await logInAt(visitor, await openPage(visitor, url), instance, as));
    expect(answer.searchParams.has(what)).toBe(true);
    if (what === 'code') {
      const again = await openid.authorizationCodeGrant(config, answer, checks);
      expect(again.claims()?.nickname).toBe('bob');
    } else expect(answer.searchParams.get('error')).toBe('login_required');
  }
});

it('Enter does not submit a field that a client has filled in', async () => {
  const { stage, instance, visitor } = await aStage();
  const config = await discover(stage);
  const plain = await openPage(visitor, (await ask(config)).url);
  expect(plain.text).toMatch(/<input id="instance"[^>]* autofocus/);
  const hinted = await openPage(visitor, (await ask(config, { login_hint: instance.host })).url);
  expect(hinted.text).not.toContain('autofocus');
});
