/** The attacker opens the callback with a code that no instance issued. */

import { MastodonLogin } from '../../lib/login/login.js';
import { personas, soundFamilies, variant } from '../support/instance.js';
import { begin, consent, logIn } from '../support/core.js';
import {
  aSite,
  aStage,
  anInstance,
  anotherProcessOf,
  atProcess,
  codesAreChecked,
  comeBack,
  ExpiringStore,
  forgedCallback,
  JSONStore,
  leastOptions,
  open,
  start,
  twoProcesses,
  whoIsLoggedIn,
} from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

const hour = 60 * 60_000;

it.each(soundFamilies)('code=x at %s is refused, and the next visitor logs in as usual', async (family) => {
  const { instance, site, visitor: attacker } = await aStage(family);
  await new Visitor().login(site, instance.host);
  for (const code of ['x', '', '../', 'x'.repeat(4000)]) {
    const page = await open(attacker, await forgedCallback(attacker, site, instance, { code }));
    expect(page.json().code).toBe(code === '' ? 'response_invalid' : 'token_refused');
  }
  expect(await whoIsLoggedIn(attacker, site)).toBeUndefined();
  expect((await new Visitor().login(site, instance.host)).status).toBe(200);
  expect(instance.registrations).toBe(1);
});

it('a response with a token in place of a code is refused', async () => {
  const { instance, site, visitor } = await aStage('pleroma');
  await new Visitor().login(site, instance.host);
  const [token] = instance.tokens.keys();
  const callback = await forgedCallback(visitor, site, instance, { access_token: token });
  expect((await open(visitor, callback)).json().code).toBe('response_invalid');
});

describe('an instance that does not look at codes', () => {
  const disguised = variant(personas.mastodon45, { token: { ...personas.snac.token } });

  it('is detected right after registration, and no visitor is redirected there', async () => {
    const { instance, site, visitor } = await aStage('snac');
    const page = await start(visitor, site, instance.host);
    expect([page.status, page.location, page.json()]).toEqual([
      403,
      undefined,
      expect.objectContaining({ code: 'instance_insecure', instance: instance.host }),
    ]);
    expect(instance.registrations).toBe(1);
  });

  it.each<[string, number, unknown]>([
    ['a token', 200, { access_token: 'x', token_type: 'Bearer' }],
    ['a token and another success', 201, { access_token: 'x' }],
    ['a token beside an error', 200, { access_token: 'x', error: 'invalid_grant' }],
    ['a success that says nothing', 200, {}],
    ['a page', 200, '<title>Welcome</title>'],
    ['nothing', 204, undefined],
  ])('whatever its name, and however it says so: %s', async (_how, status, body) => {
    const { instance, site, visitor } = await aStage('mastodon45');
    instance.answerWith('/oauth/token', status, body);
    const page = await visitor.login(site, instance.host);
    expect(page.json()).toMatchObject({ code: 'instance_insecure', instance: instance.host });
    expect(site.verified).toEqual([]);
  });

  it('with the name and the metadata of Mastodon', async () => {
    const { instance, site, visitor } = await aStage(disguised);
    expect((await visitor.login(site, instance.host)).json().code).toBe('instance_insecure');
    expect(site.verified).toEqual([]);
    // No other visitor is redirected there.
    expect((await start(new Visitor(), site, instance.host)).json().code).toBe('instance_insecure');
    expect(instance.registrations).toBe(1);
  });

  it('a visitor who returns before the verdict waits for it, in another process too', async () => {
    const { instance, site, other, visitor } = await twoProcesses(new JSONStore(), disguised);
    // The first process ends before it has an answer.
    const undo = instance.answerWith('/oauth/token', 503, '');
    const callback = await comeBack(visitor, site, instance.host);
    await codesAreChecked(instance);
    undo();
    const page = await open(visitor, atProcess(other, visitor, callback));
    expect(page.json().code).toBe('instance_insecure');
    expect([...site.verified, ...other.verified]).toEqual([]);
  });

  it.each(['refuses', 'accepts'])(
    'one that %s invalid codes once a user has consented there',
    async (does) => {
      const { instance, site, visitor } = await aStage();
      let codes = 0;
      const token = { access_token: 'of the last user who consented', token_type: 'Bearer' };
      instance.answerWith(
        ({ path }) => path === '/oauth/token' && ++codes === 3 && does === 'accepts',
        ...([200, token] as const),
      );
      const page = await visitor.login(site, instance.host);
      expect(codes).toBe(3);
      expect(site.verified).toHaveLength(does === 'refuses' ? 1 : 0);
      if (does === 'accepts') expect(page.json().code).toBe('instance_insecure');
    },
  );

  it.each<[string, number, string, Record<string, string>]>([
    ['a challenge', 403, '<title>Just a moment...</title>', { 'cf-mitigated': 'challenge' }],
    ['a challenge that was found', 200, '<script id="anubis_challenge" type="application/json">', {}],
    ['a page that forbids', 403, '<title>403 Forbidden</title>', {}],
    ['a question', 401, '<div class="h-captcha"></div>', {}],
  ])(
    'is not used while %s in front of it answers the invalid code, and is detected afterwards',
    async (_what, ...reply) => {
      const { instance, site } = await aStage(disguised);
      const undo = instance.answerWith('/oauth/token', ...reply);
      const page = await new Visitor().login(site, instance.host);
      expect([page.status, page.json().code]).toEqual([502, 'instance_blocked']);
      undo();
      expect((await new Visitor().login(site, instance.host)).json().code).toBe('instance_insecure');
      expect(site.verified).toEqual([]);
    },
  );

  it('is remembered for an hour, by every process, without requests; then it is checked again', async () => {
    const store = new ExpiringStore();
    const instance = await anInstance('snac');
    const options = { instances: [instance], options: { store } };
    const site = await aSite(options);
    const other = await anotherProcessOf(site, options);
    await start(new Visitor(), site, instance.host);
    instance.resetRequests();
    for (const process of [site, other, site]) {
      expect((await start(new Visitor(), process, instance.host)).json().code).toBe('instance_insecure');
    }
    expect(instance.requests).toEqual([]);
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + hour + 1000);
    instance.persona = personas.mastodon45;
    expect((await start(new Visitor(), other, instance.host)).status).toBe(302);
  });

  it('lets no visitor in with another scope either, nor by a login that was pending before', async () => {
    const instance = await anInstance();
    const login = new MastodonLogin({ ...leastOptions, developmentInstances: [instance.origin] });
    const back = async (scope?: string) => consent(login, await begin(login, instance.host, { scope }));
    await logIn(login, instance.host, { scope: 'read write' });
    const pending = await back('read write');
    instance.persona = disguised;
    const insecure = { code: 'instance_insecure' };
    await expect(back().then((finish) => finish())).rejects.toMatchObject(insecure);
    await expect(pending()).rejects.toMatchObject(insecure);
    await expect(back('read write')).rejects.toMatchObject(insecure);
    // The operator has repaired it.
    instance.persona = personas.mastodon45;
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + hour + 1000);
    expect(await logIn(login, instance.host, { scope: 'read write' })).toHaveProperty('accessToken');
  });

  it('does not delay others', async () => {
    const [bad, good] = await Promise.all([anInstance('snac'), anInstance()]);
    const site = await aSite({ instances: [bad, good] });
    await start(new Visitor(), site, bad.host);
    expect((await new Visitor().login(site, good.host)).status).toBe(200);
  });
});

it.each([
  ['by its NodeInfo', personas.sharkey, 0],
  ['by its version', variant(personas.sharkey, { nodeinfo: [] }), 0],
  ['by its client ids', variant(personas.sharkey, { nodeinfo: [], apiVersion: '3.0.0' }), 1],
])(
  'an instance whose apps serve a single login is refused: recognised %s',
  async (_how, persona, registrations) => {
    const { instance, site, visitor } = await aStage(persona);
    const page = await start(visitor, site, instance.host);
    expect([page.status, page.json().code]).toEqual([422, 'instance_unsupported']);
    expect(instance.registrations).toBe(registrations);
  },
);
