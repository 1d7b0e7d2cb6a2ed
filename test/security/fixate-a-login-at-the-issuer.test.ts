/** The attacker makes a victim continue, at the issuer, with a login or a session that belongs to the attacker. */

import { authorizationCodeGrant } from 'openid-client';
import { anIssuer, answerOf, ask, discover, logIn, logInAt, openPage, press } from '../issuer/stage';
import { anInstance, changed } from '../support/stage';
import { Visitor } from '../support/visitor';

async function aStage() {
  const instance = await anInstance();
  const stage = await anIssuer([instance]);
  return { instance, stage, config: await discover(stage), attacker: new Visitor(), victim: new Visitor() };
}

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
  const { stage, config, attacker, victim } = await aStage();
  const { host } = new URL(stage.issuerURL);
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
  const { stage, instance, config, attacker, victim } = await aStage();
  const { host } = new URL(stage.issuerURL);
  const page = await openPage(attacker, (await ask(config)).url);
  const left = await press(attacker, page, { instance: instance.host }, 'name="instance"');
  const back = await attacker.get(await attacker.approve(left.location ?? ''));
  // The attacker is logged in at the instance, and stops before the issuer creates a session.
  expect(back.location).toContain('/authorize/');
  // The victim has visited the issuer before, and has its own browser key.
  await openPage(victim, (await ask(config)).url);
  plant(attacker, victim, host, (name) => !isHostBound(name));
  for (const url of [page.url, back.location ?? '']) {
    const answer = await victim.get(url);
    expect(answer.status).toBe(403);
    expect(answer.location).toBeUndefined();
  }
});

it('a planted cookie does not end a login of the victim as the attacker', async () => {
  const { stage, instance, config, attacker, victim } = await aStage();
  const { host } = new URL(stage.issuerURL);
  const page = await openPage(attacker, (await ask(config)).url);
  const left = await press(attacker, page, { instance: instance.host }, 'name="instance"');
  await attacker.get(await attacker.approve(left.location ?? '', { as: 'mallory' }));
  const own = await openPage(victim, (await ask(config)).url);
  // A sibling host sets it for the path of the issuer, and fills the jar until the victim's own one is evicted.
  plant(attacker, victim, host, (name) => /-resume(\.sig)?$/.test(name));
  const end = await victim.get(own.url.replace('/login/', '/authorize/'));
  expect(end.location).toBeUndefined();
  expect(end.text).toContain('not valid any more');
});

it('the callback from the instance finishes nothing in another browser, and nothing once it was opened there', async () => {
  const { instance, config, attacker, victim } = await aStage();
  const page = await openPage(attacker, (await ask(config)).url);
  const left = await press(attacker, page, { instance: instance.host }, 'name="instance"');
  const callback = await attacker.approve(left.location ?? '');
  await openPage(victim, (await ask(config)).url);
  for (const visitor of [victim, attacker]) {
    const answer = await visitor.get(callback);
    expect(answer.status).toBe(403);
    expect(answer.location).toBeUndefined();
  }
});

it('the callback from the instance is used up also by a new browser', async () => {
  const { instance, config, attacker } = await aStage();
  const page = await openPage(attacker, (await ask(config)).url);
  const left = await press(attacker, page, { instance: instance.host }, 'name="instance"');
  const callback = await attacker.approve(left.location ?? '');
  for (const visitor of [new Visitor(), attacker]) {
    const answer = await visitor.get(callback);
    expect(answer.status).toBe(403);
    expect(answer.location).toBeUndefined();
  }
});

it('the session gets another ID when a user logs in', async () => {
  const { stage, instance, config } = await aStage();
  const { host } = new URL(stage.issuerURL);
  const sessionOf = (visitor: Visitor) => valueOf(visitor, host, /-session$/);
  const { visitor } = await logIn(stage, instance);
  const before = sessionOf(visitor);
  expect(before).toBeTruthy();
  const page = await openPage(visitor, (await ask(config, { prompt: 'login' })).url);
  await logInAt(visitor, page, instance);
  expect(sessionOf(visitor)).not.toBe(before);
});

it('cookies that were copied from a browser before its login do not lead to the session of that login', async () => {
  const { stage, instance, config, attacker, victim } = await aStage();
  const { host } = new URL(stage.issuerURL);
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
    const { stage, instance, config, victim } = await aStage();
    const other = await anInstance();
    const page = await openPage(victim, (await ask(config)).url);
    const left = await press(victim, page, { instance: instance.host }, 'name="instance"');
    const callback = new URL(await victim.approve(left.location ?? ''));
    callback.pathname = `/callback/${other.host}/done`;
    const seen = instance.requests.length;
    const refused = await victim.follow(await victim.get(callback.href));
    expect(refused.text).toContain('does not belong to the login');
    expect(refused.location).toBeUndefined();
    expect([instance.requests.length - seen, other.requests.length]).toEqual([0, 0]);
    expect(stage.events.map(([event]) => event)).not.toContain('login');
  });

  it('an instance’s response has no effect at the issuer’s own endpoint, and vice versa', async () => {
    const { stage, instance, config, victim } = await aStage();
    const page = await openPage(victim, (await ask(config)).url);
    const left = await press(victim, page, { instance: instance.host }, 'name="instance"');
    const callback = new URL(await victim.approve(left.location ?? ''));
    const uid = page.url.split('/').at(-1) ?? '';
    // A browser without a login is asked to log in.
    const early = await victim.follow(
      await victim.get(`${stage.issuerURL}/authorize/${uid}${callback.search}`),
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
