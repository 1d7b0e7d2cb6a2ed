/**
 * Requests that the visitor did not intend, and logins that reach no client: neither consumes anything or leaves a
 * token.
 */

import { BadStore, breakdowns } from '../support/bad-store';
import { until } from '../support/hostile';
import { aStage, answerOf, ask, discover, logIn, logInAt, openPage, press } from './stage';

describe('a page that the browser preloads', () => {
  const ahead = [{ 'Sec-Purpose': 'prefetch;prerender' }, { Purpose: 'prefetch' }, { 'X-Moz': 'prefetch' }];

  it.each(ahead)('uses up neither a login nor its way back: %j', async (headers) => {
    const { stage, instance, visitor } = await aStage();
    const config = await discover(stage);
    const { url } = await ask(config);
    for (const path of [url.href, `${stage.issuerURL}/logout`, `${stage.issuerURL}/device`]) {
      const early = await visitor.get(path, headers);
      expect(early.status).toBe(503);
      expect(early.headers['cache-control']).toContain('no-store');
      expect(early.headers['set-cookie']).toBeUndefined();
    }
    const page = await openPage(visitor, url);
    expect((await visitor.get(page.url, headers)).status).toBe(503);
    const left = await press(visitor, page, { instance: instance.host, action: 'login' }, 'name="instance"');
    const callback = await visitor.approve(left.location ?? '');
    expect((await visitor.get(callback, headers)).status).toBe(503);
    const resumed = await visitor.get(callback);
    expect((await visitor.get(resumed.location ?? '', headers)).status).toBe(503);
    const answer = answerOf(await visitor.get(resumed.location ?? ''));
    expect(answer.searchParams.get('code')).toBeTruthy();
  });
});

it('the way back from the instance does not end with its host, which firewalls refuse', async () => {
  const { stage, instance, visitor } = await aStage();
  const page = await openPage(visitor, (await ask(await discover(stage))).url);
  const left = await press(visitor, page, { instance: instance.host, action: 'login' }, 'name="instance"');
  const back = new URL(left.location ?? '').searchParams.get('redirect_uri');
  expect(back).toBe(`${stage.issuerURL}/callback/${instance.host}/done`);
});

describe('the token of an instance', () => {
  const revocations = (instance: { requests: { path: string }[] }) =>
    instance.requests.filter(({ path }) => path === '/oauth/revoke').length;

  it('is revoked where the login reaches no client: another person logged in than the client named', async () => {
    const { stage, instance, visitor } = await aStage();
    const alice = await logIn(stage, instance);
    expect(revocations(instance)).toBe(0);
    const asked = await ask(alice.config, { id_token_hint: alice.tokens.id_token ?? '' });
    const end = await logInAt(visitor, await openPage(visitor, asked.url), instance, 'bob');
    expect(answerOf(end).searchParams.get('error')).toBe('login_required');
    await until(() => revocations(instance) === 1);
  });

  it('is revoked where the login was ended meanwhile', async () => {
    const { stage, instance, visitor } = await aStage();
    const page = await openPage(visitor, (await ask(await discover(stage))).url);
    const left = await press(visitor, page, { instance: instance.host, action: 'login' }, 'name="instance"');
    const cancelled = await press(visitor, page, { action: 'cancel' }, 'Cancel');
    expect(answerOf(await visitor.follow(cancelled)).searchParams.get('error')).toBe('access_denied');
    const done = await visitor.get(await visitor.approve(left.location ?? ''));
    expect(done.status).toBe(403);
    await until(() => revocations(instance) === 1);
  });
});

it('a visitor is told by status and sentence that the store failed, before and after the instance', async () => {
  const store = new BadStore();
  const { stage, instance, visitor } = await aStage({ store });
  const url = (await ask(await discover(stage))).url;
  const page = await openPage(visitor, url);
  const left = await press(visitor, page, { instance: instance.host, action: 'login' }, 'name="instance"');
  const callback = await visitor.approve(left.location ?? '');
  store.break(breakdowns['rejects']!);
  for (const asked of [url.href, page.url, callback]) {
    const failed = await openPage(visitor, asked);
    expect([failed.status, failed.text]).toEqual([
      503,
      expect.stringContaining('could not be saved on our side'),
    ]);
  }
});
