/** The attacker makes a victim continue, at the issuer, with a login or a session that belongs to the attacker. */

import { authorizationCodeGrant } from 'openid-client';
import { anIssuer, answerOf, ask, discover, logIn, logInAt, openPage, press } from '../issuer/stage';
import { anInstance, changed } from '../support/stage';
import { Visitor, type Decision, type Page } from '../support/visitor';

async function aStage() {
  const instance = await anInstance();
  const stage = await anIssuer([instance]);
  const [config, attacker, victim] = [await discover(stage), new Visitor(), new Visitor()];
  /** The page of a login, and the callback URL to which the instance redirects the visitor who consents. */
  const consented = async (visitor: Visitor, decision: Decision = {}) => {
    const page = await openPage(visitor, (await ask(config)).url);
    const left = await press(visitor, page, { instance: instance.host }, 'name="instance"');
    return { page, callback: await visitor.approve(left.location ?? '', decision) };
  };
  return { instance, stage, config, attacker, victim, consented, host: new URL(stage.issuerURL).host };
}

const expectRefused = (page: Page) => expect(page).toMatchObject({ status: 403, location: undefined });

type Jar = Map<string, string>;

/** Copies cookies of the attacker into the victim's browser, like a sibling host could. */
function plant(from: Visitor, to: Visitor, host: string, which: (name: string) => boolean): void {
  const target: Jar = to.jars.get(host) ?? new Map<string, string>();
  for (const [name, value] of from.jars.get(host) ?? []) if (which(name)) target.set(name, value);
  to.jars.set(host, target);
}

/** On https, these cannot be planted: their names begin with `__Host-`. */
const isHostBound = (name: string) => /session|browser|server/.test(name);

const valueOf = (visitor: Visitor, host: string, name: RegExp) =>
  [...(visitor.jars.get(host) ?? [])].find(([known]) => name.test(known))?.[1];

it('a cookie of a sibling host, whose name begins with a space that browsers accept as a letter, is not the browser’s key', async () => {
  const { config, attacker, victim, host } = await aStage();
  const page = await openPage(attacker, (await ask(config)).url);
  plant(attacker, victim, host, () => true);
  expect((await victim.get(page.url)).status).toBe(200);
  const jar = victim.jars.get(host) as Jar;
  for (const [name, value] of [...jar]) {
    if (!name.endsWith('-browser')) continue;
    jar.delete(name);
    jar.set(`\u00a0${name}`, value);
  }
  expect((await victim.get(page.url)).status).toBe(403);
});

it('the page of a login opens in the browser that began it, and in no other', async () => {
  const { config, attacker, victim } = await aStage();
  const page = await openPage(attacker, (await ask(config)).url);
  const other = await victim.get(page.url);
  expect(other.status).toBe(403);
  expect(other.text).not.toContain('<form');
});

it('a planted login does not continue: neither its page, nor its end', async () => {
  const { config, attacker, victim, consented, host } = await aStage();
  const { page, callback } = await consented(attacker);
  const back = await attacker.get(callback);
  // The attacker is logged in at the instance, and stops before the issuer creates a session.
  expect(back.location).toContain('/authorize/');
  // The victim has visited the issuer before, and has its own browser key.
  await openPage(victim, (await ask(config)).url);
  plant(attacker, victim, host, (name) => !isHostBound(name));
  for (const url of [page.url, back.location ?? '']) expectRefused(await victim.get(url));
});

it('a planted cookie does not end a login of the victim as the attacker', async () => {
  const { config, attacker, victim, consented, host } = await aStage();
  await attacker.get((await consented(attacker, { as: 'bob' })).callback);
  const own = await openPage(victim, (await ask(config)).url);
  // A sibling host sets it for the path of the issuer, and fills the jar until the victim's own one is evicted.
  plant(attacker, victim, host, (name) => /-resume(\.sig)?$/.test(name));
  const end = await victim.get(own.url.replace('/login/', '/authorize/'));
  expect(end.location).toBeUndefined();
  expect(end.text).toContain('not valid any more');
});

it.each([
  ['a browser with another login', true],
  ['a new browser', false],
])(
  'the callback from the instance finishes nothing in %s, and nothing once it was opened there',
  async (_what, hasLogin) => {
    const { config, attacker, victim, consented } = await aStage();
    const { callback } = await consented(attacker);
    if (hasLogin) await openPage(victim, (await ask(config)).url);
    for (const visitor of [victim, attacker]) expectRefused(await visitor.get(callback));
  },
);

it('the session gets another ID when a user logs in', async () => {
  const { stage, instance, config, host } = await aStage();
  const sessionOf = (visitor: Visitor) => valueOf(visitor, host, /-session$/);
  const { visitor } = await logIn(stage, instance);
  const before = sessionOf(visitor);
  expect(before).toBeTruthy();
  const page = await openPage(visitor, (await ask(config, { prompt: 'login' })).url);
  await logInAt(visitor, page, instance);
  expect(sessionOf(visitor)).not.toBe(before);
});

it('cookies that were copied from a browser before its login do not lead to the session of that login', async () => {
  const { stage, instance, config, attacker, victim, host } = await aStage();
  // On a shared computer: the page for devices gives a browser a session before the login.
  await openPage(victim, `${stage.issuerURL}/device`);
  expect(valueOf(victim, host, /-visitor$/)).toBeTruthy();
  plant(victim, attacker, host, () => true);
  await logIn(stage, instance, { visitor: attacker, as: 'bob' });
  await logIn(stage, instance, { visitor: victim, as: 'alice' });
  for (const [visitor, name] of [
    [attacker, 'bob'],
    [victim, 'alice'],
  ] as const) {
    const asked = await ask(config, { prompt: 'none' });
    const answer = answerOf(await openPage(visitor, asked.url));
    const tokens = await authorizationCodeGrant(config, answer, asked.checks);
    expect(tokens.claims()?.nickname).toBe(name);
  }
});

describe('responses of the instance and of the issuer', () => {
  it('an instance’s response with another instance’s name is refused before any request is sent', async () => {
    const { stage, instance, victim, consented } = await aStage();
    const other = await anInstance();
    const callback = new URL((await consented(victim)).callback);
    callback.pathname = `/callback/${other.host}/done`;
    const seen = instance.requests.length;
    const refused = await victim.follow(await victim.get(callback.href));
    expect(refused.text).toContain('does not belong to the login');
    expect(refused.location).toBeUndefined();
    expect([instance.requests.length - seen, other.requests.length]).toEqual([0, 0]);
    expect(stage.events.map(([event]) => event)).not.toContain('login');
  });

  it('an instance’s response has no effect at the issuer’s own endpoint, and vice versa', async () => {
    const { stage, instance, victim, consented } = await aStage();
    const { page, callback } = await consented(victim);
    const uid = page.url.split('/').at(-1) ?? '';
    // A browser without a login is asked to log in.
    const early = await victim.follow(
      await victim.get(`${stage.issuerURL}/authorize/${uid}${new URL(callback).search}`),
    );
    expect(early.text).toContain('Where does your account live?');
    const answer = answerOf(await logInAt(victim, early, instance));
    expect(answer.searchParams.get('iss')).toBe(stage.issuerURL);
    const replayed = changed(new URL(`${stage.issuerURL}/callback/${instance.host}/done`), {
      code: answer.searchParams.get('code') ?? '',
      state: answer.searchParams.get('state') ?? '',
    });
    expect((await victim.get(replayed.href)).status).toBe(403);
  });
});
