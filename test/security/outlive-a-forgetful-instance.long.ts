/**
 * An instance forgets the site or fails; the attacker hopes that visitors are locked out, or that the site is
 * banned.
 */

import type { KeyValueStore } from '../../lib/options.js';
import { familiesThatKnowClients, type PersonaName, type StandIn } from '../support/instance.js';
import type { Site } from '../support/site.js';
import { anInstance, anotherProcessOf, aSite, JSONStore, leave, outcomeOf, start } from '../support/stage.js';
import { StuckAtInstance, Visitor } from '../support/visitor.js';

interface Scene {
  readonly instance: StandIn;
  readonly site: Site;
  readonly store: KeyValueStore;
}

async function stage(family: PersonaName = 'mastodon45', throttle = true): Promise<Scene> {
  const instance = await anInstance(family, { throttle });
  // Several processes alternate, so a private store is enough.
  const store = new Map<string, unknown>();
  return { instance, store, site: await aSite({ instances: [instance], options: { store } }) };
}

/** The outcome: the user's name, the code of the refusal, or `stuck` on a page of the instance. */
async function logIn({ site, instance }: Scene, visitor = new Visitor(), as = 'alice'): Promise<string> {
  try {
    return outcomeOf(await visitor.login(site, instance.host, { as }));
  } catch (error) {
    if (error instanceof StuckAtInstance) return 'stuck';
    throw error;
  }
}

const attempts = ({ instance }: Scene) => instance.requestsTo('POST /api/v1/apps').length;

/** Makes the instance forget all apps just before it answers this route. */
function forgetBefore(instance: StandIn, route: string): void {
  let hasForgotten = false;
  instance.answer(
    (seen) => {
      if (!hasForgotten && `${seen.method} ${seen.path}` === route) {
        hasForgotten = true;
        instance.forgetApps();
      }
      return false;
    },
    () => undefined,
  );
}

describe.each(familiesThatKnowClients)('%s forgets every app', (family) => {
  it.each([
    ['before a login', ''],
    ['before the visitor gets there', 'GET /oauth/authorize'],
    ['before it is asked for a token', 'POST /oauth/token'],
    ['before it is asked whose token it is', 'GET /api/v1/accounts/verify_credentials'],
  ])('%s: a visitor tries again at most once', async (_when, route) => {
    const scene = await stage(family);
    expect(await logIn(scene, new Visitor(), 'bob')).toBe('bob');
    if (route === '') scene.instance.forgetApps();
    else forgetBefore(scene.instance, route);
    const visitor = new Visitor();
    expect(await logIn(scene, visitor)).not.toBe('bob');
    // If the site notices that the app is gone, the next visitor has no failure.
    if (route === 'POST /oauth/token') expect(await logIn(scene)).toBe('alice');
    expect(await logIn(scene, visitor)).toBe('alice');
    expect(attempts(scene)).toBe(2);
    for (const { username } of scene.site.verified) expect(['alice', 'bob']).toContain(username);
    expect(scene.site.errors).toEqual([]);
  });

  it('between the registration and the first login', async () => {
    const scene = await stage(family);
    const visitor = new Visitor();
    await leave(visitor, scene.site, scene.instance.host);
    scene.instance.forgetApps();
    expect(await logIn(scene, visitor)).toBe('alice');
    expect(attempts(scene)).toBe(2);
  });

  it('repeatedly: the site registers once each time', async () => {
    const scene = await stage(family, false);
    const visitor = new Visitor();
    for (let times = 1; times <= 6; times += 1) {
      const first = await logIn(scene, visitor);
      expect(first === 'alice' ? first : await logIn(scene, visitor)).toBe('alice');
      expect(attempts(scene)).toBe(times);
      scene.instance.forgetApps();
      visitor.jars.delete(new URL(scene.site.origin).host);
    }
  });
});

describe('an instance that forgot every app', () => {
  it('locks out no browser for more than one attempt, and gets one registration for all of them', async () => {
    const scene = await stage();
    const visitors = Array.from({ length: 20 }, () => new Visitor());
    await logIn(scene);
    scene.instance.forgetApps();
    const first = await Promise.all(visitors.map((visitor) => logIn(scene, visitor)));
    const second = await Promise.all(visitors.map((visitor) => logIn(scene, visitor)));
    // Visitors after the first few are not redirected to a login that cannot succeed.
    expect(['alice', 'stuck']).toEqual(expect.arrayContaining([...new Set(first)]));
    expect(second.filter((how) => how !== 'alice')).toEqual([]);
    expect(attempts(scene)).toBe(2);
  });

  it('gets one registration from many processes', async () => {
    const scene = await stage();
    const { instance } = scene;
    const options = { instances: [instance], options: { store: new JSONStore() } };
    const site = await aSite(options);
    const others = await Promise.all([1, 2, 3].map(() => anotherProcessOf(site, options)));
    await logIn({ ...scene, site });
    const visitors = others.map((other) => ({ ...scene, site: other, visitor: new Visitor() }));
    instance.forgetApps();
    for (const round of [1, 2]) {
      await Promise.all(visitors.map(({ visitor, site: at }) => leave(visitor, at, instance.host)));
      expect(attempts(scene)).toBe(round);
    }
  });

  it('while some are at its page: those have to begin again, and their codes go to no other client', async () => {
    const scene = await stage();
    const visitors = Array.from({ length: 6 }, () => new Visitor());
    const away = await Promise.all(
      visitors.map(async (visitor) => visitor.approve(await leave(visitor, scene.site, scene.instance.host))),
    );
    const clients = new Set(scene.instance.apps.keys());
    scene.instance.forgetApps();
    const back = await Promise.all(visitors.map((visitor, n) => visitor.get(away[n] ?? '')));
    expect(new Set(back.map(outcomeOf))).toEqual(new Set(['login_restart']));
    const exchanges = scene.instance
      .requestsTo('POST /oauth/token')
      .filter(({ body }) => away.some((url) => new URL(url).searchParams.get('code') === body['code']));
    // Visitors who return once the client is known to be dead cause no request.
    for (const { body } of exchanges) expect(clients).toContain(body['client_id']);
    const again = await Promise.all(visitors.map((visitor) => logIn(scene, visitor)));
    expect(again).toEqual(visitors.map(() => 'alice'));
    expect(attempts(scene)).toBe(2);
    expect(scene.site.verified).toHaveLength(visitors.length);
  });
});

type Broken = readonly [
  how: string,
  status: number,
  body: string | object,
  headers?: Record<string, string | number> | (() => Record<string, string>),
];

const page = '<!doctype html><title>Down</title><p>We are down for maintenance.';
const answers: Broken[] = [
  ['400', 400, { error: 'bad' }],
  ['401', 401, { error: 'The access token is invalid' }],
  ['401 invalid_client', 401, { error: 'invalid_client', error_description: 'unknown' }],
  ['404', 404, { error: 'Record not found' }],
  ['422', 422, { error: 'Validation failed' }],
  ['429', 429, { error: 'Too many requests' }],
  ['429 with Retry-After', 429, { error: 'Too many requests' }, { 'Retry-After': 60 }],
  [
    '429 with a Retry-After in the past',
    429,
    { error: 'Too' },
    { 'Retry-After': 'Wed, 21 Oct 2015 07:28:00 GMT' },
  ],
  [
    '429 with X-RateLimit-Reset',
    429,
    { error: 'Too' },
    () => ({ 'X-RateLimit-Reset': new Date(Date.now() + 60_000).toISOString() }),
  ],
  ['429 with an unreadable one', 429, { error: 'Too' }, { 'X-RateLimit-Reset': 'soon', 'Retry-After': '' }],
  ['500', 500, page],
  ['503', 503, page],
  ['a page', 200, page],
  ['nothing', 200, ''],
];

function breakRoute({ instance }: Scene, route: string, [, status, body, headers]: Broken): () => void {
  return instance.answerWith(route, status, body, typeof headers === 'function' ? headers() : headers);
}

describe.each(answers.map((broken) => [broken[0], broken] as const))(
  'an instance that answers %s',
  (how, broken) => {
    // Without a useful value of Retry-After, a short time is used.
    const asksForTime = how.startsWith('429');

    it('to registrations receives no more for a while', async () => {
      const scene = await stage();
      const repair = breakRoute(scene, 'POST /api/v1/apps', broken);
      const ends = [];
      for (let n = 0; n < 8; n += 1) ends.push(await logIn(scene));
      ends.push(...(await Promise.all(Array.from({ length: 20 }, () => logIn(scene)))));
      for (const end of ends) expect(end).toMatch(/^(registration_|instance_un|response_invalid)/);
      // Three times in a row; twice each if another scope may help.
      const perTry = /400|422/.test(how) ? 2 : 1;
      expect(attempts(scene)).toBe(asksForTime ? 1 : 3 * perTry);

      // A new process finds the instance working again, unless the instance asked for time.
      repair();
      const { store, instance } = scene;
      const site = await anotherProcessOf(scene.site, { instances: [instance], options: { store } });
      const page = await new Visitor().post(`${site.origin}/auth/mastodon`, { instance: instance.host });
      if (asksForTime) expect(page.json()).toMatchObject({ code: 'registration_throttled' });
      else expect(page.status).toBe(302);
      expect(instance.registrations).toBe(asksForTime ? 0 : 1);
    });

    it('to the check after a registration does not get one registration after another', async () => {
      const scene = await stage('mastodon45', false);
      const repair = breakRoute(scene, 'POST /oauth/token', broken);
      for (let n = 0; n < 8; n += 1)
        await new Visitor().post(`${scene.site.origin}/auth/mastodon`, { instance: scene.instance.host });
      // Abandoned logins cause one verification of the client, and one registration.
      expect(attempts(scene)).toBeLessThanOrEqual(2);
      repair();
    });

    it('to codes fails the logins during that time only', async () => {
      const scene = await stage();
      await logIn(scene);
      const visitors = Array.from({ length: 5 }, () => new Visitor());
      // All begin before the first one fails. A later start would find that the client is dead, and register a new one.
      const callbacks = await Promise.all(
        visitors.map(async (visitor) => {
          const away = await leave(visitor, scene.site, scene.instance.host);
          return visitor.approve(away, { as: 'alice' });
        }),
      );
      const repair = breakRoute(scene, 'POST /oauth/token', broken);
      const pages = await Promise.all(visitors.map((visitor, i) => visitor.get(callbacks[i] ?? '')));
      for (const end of pages.map(outcomeOf)) {
        expect(end).toMatch(/^(token_refused|login_restart|instance_unreachable|response_invalid)$/);
      }
      repair();
      expect(await Promise.all(visitors.map((visitor) => logIn(scene, visitor)))).toEqual(
        visitors.map(() => 'alice'),
      );
      expect(attempts(scene)).toBeLessThanOrEqual(2);
      expect(scene.site.verified).toHaveLength(6);
      expect(scene.site.errors).toEqual([]);
    });

    it('to requests for the account fails the logins during that time only', async () => {
      const scene = await stage();
      await logIn(scene);
      const visitors = Array.from({ length: 5 }, () => new Visitor());
      const repair = breakRoute(scene, 'GET /api/v1/accounts/verify_credentials', broken);
      const ends = await Promise.all(visitors.map((visitor) => logIn(scene, visitor)));
      for (const end of ends)
        expect(end).toMatch(/^(account_unusable|instance_unreachable|response_invalid)$/);
      repair();
      expect(await Promise.all(visitors.map((visitor) => logIn(scene, visitor)))).toEqual(
        visitors.map(() => 'alice'),
      );
      expect(attempts(scene)).toBe(1);
      expect(scene.site.verified).toHaveLength(6);
    });

    it('to verifications does not get a registration at every abandoned login', async () => {
      const scene = await stage('mastodon45', false);
      const visitor = new Visitor();
      await leave(visitor, scene.site, scene.instance.host);
      breakRoute(scene, 'POST /oauth/token', broken);
      // One visitor who abandons every login.
      for (let n = 0; n < 12; n += 1) {
        await visitor.post(`${scene.site.origin}/auth/mastodon`, { instance: scene.instance.host });
      }
      expect(attempts(scene)).toBeLessThanOrEqual(4);
    });

    it('to many of its users gets few registrations', async () => {
      const scene = await stage('mastodon45', false);
      breakRoute(scene, 'POST /api/v1/apps', broken);
      // Slow enough for all of them to be waiting when the first ones fail.
      scene.instance.latencyMs = 40;
      const typed = Array.from({ length: 100 }, (_, n) => `@user${n}@${scene.instance.host}`);
      const pages = await Promise.all(typed.map((text) => start(new Visitor(), scene.site, text)));
      for (const page of pages) expect(page.status).toBeGreaterThanOrEqual(400);
      expect(attempts(scene)).toBeLessThanOrEqual(6);
    });
  },
);
