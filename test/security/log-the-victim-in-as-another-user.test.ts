/** The attacker tries to log the victim's browser in as the attacker, or to share the victim's session. */

import { aReturn, aStage, changed, comeBack, leave, open, whoIsLoggedIn } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

describe("the attacker's own callback, opened in the victim's browser", () => {
  it.each([
    ['as it is', {}],
    ['without its state', { state: undefined }],
    ['with an empty state', { state: '' }],
    ['with a guessed state', { state: 'A'.repeat(43) }],
  ])('%s, logs no user in and sends nothing', async (_how, changes) => {
    const { instance, site, callback } = await aReturn();
    const victim = new Visitor();
    const page = await open(victim, changed(callback, changes));
    expect([page.status, page.json().code]).toEqual([403, 'login_expired']);
    expect(instance.requests).toEqual([]);
    expect(await whoIsLoggedIn(victim, site)).toBeUndefined();
  });

  it("is refused also while the victim's own login is under way, which then still finishes", async () => {
    const { instance, site, visitor: victim } = await aStage();
    const forged = await comeBack(new Visitor(), site, instance.host, 'bob');
    const own = await comeBack(victim, site, instance.host, 'alice');
    expect((await open(victim, forged)).json().code).toBe('login_expired');
    await open(victim, own);
    expect(await whoIsLoggedIn(victim, site)).toBe('alice');
  });

  it('does not log out or change a victim who is logged in', async () => {
    const { instance, site, visitor: victim } = await aStage();
    await victim.login(site, instance.host);
    await open(victim, await comeBack(new Visitor(), site, instance.host, 'bob'));
    expect(await whoIsLoggedIn(victim, site)).toBe('alice');
  });

  it("with the victim's state and the attacker's code fails where the server keeps PKCE", async () => {
    const { instance, site, visitor: victim } = await aStage('mastodon45');
    const own = new URL(await leave(victim, site, instance.host)).searchParams.get('state') ?? '';
    const forged = changed(await comeBack(new Visitor(), site, instance.host, 'bob'), { state: own });
    expect((await open(victim, forged)).json().code).toBe('token_refused');
    expect(await whoIsLoggedIn(victim, site)).toBeUndefined();
  });
});

it('a callback URL that was opened in another browser is used up, because its code is disclosed', async () => {
  const { instance, site, visitor: victim, callback } = await aReturn();
  const attacker = new Visitor();
  await leave(attacker, site, instance.host);
  for (const visitor of [attacker, victim])
    expect((await open(visitor, callback)).json().code).toBe('login_expired');
  expect(instance.requests).toEqual([]);
  await victim.login(site, instance.host);
  expect(await whoIsLoggedIn(victim, site)).toBe('alice');
});

it('a session that the attacker planted before the login is not the one that is logged in', async () => {
  const { instance, site, visitor: victim } = await aStage();
  const attacker = new Visitor();
  await leave(attacker, site, instance.host);
  const { host } = new URL(site.origin);
  victim.jars.set(host, new Map(attacker.jars.get(host)));
  const planted = victim.jars.get(host)?.get('connect.sid');
  await victim.login(site, instance.host);
  expect(await whoIsLoggedIn(victim, site)).toBe('alice');
  expect(victim.jars.get(host)?.get('connect.sid')).not.toBe(planted);
  expect(await whoIsLoggedIn(attacker, site)).toBeUndefined();
});

it('a denial is accepted only from a browser that began a login there', async () => {
  const { instance, site, visitor } = await aStage('hollo');
  const denial = `${site.callbackURL}/${instance.host}?error=access_denied`;
  expect((await open(visitor, denial)).json().code).toBe('login_expired');
  await leave(visitor, site, instance.host);
  expect((await open(visitor, denial)).json().code).toBe('access_denied');
  expect((await open(visitor, denial.replace(instance.host, 'evil.example'))).json()).toEqual({
    code: 'login_expired',
    message: expect.not.stringContaining('evil') as string,
    status: 403,
  });
});
