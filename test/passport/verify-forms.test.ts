/** The forms of the verify function through Passport, and the handling of its result. */

import type { Request, RequestHandler } from 'express';
import { until } from '../support/hostile.js';
import { aStage, whoIsLoggedIn } from '../support/stage.js';

type Done = (error?: unknown, user?: unknown, info?: object) => void;
type Profile = { username: string };

// The other forms: verify.test.ts.
describe('a form logs in', () => {
  it.each<[string, boolean, (...args: never[]) => unknown]>([
    ['async', false, async (_a: string, _r: unknown, profile: Profile) => profile],
    [
      'with the request, params and done',
      true,
      (_q: Request, _a: string, _r: unknown, _t: object, profile: Profile, done: Done) => done(null, profile),
    ],
    [
      'a mock of the async form',
      false,
      jest.fn(async (_a: string, _r: unknown, profile: Profile) => profile),
    ],
  ])('%s', async (_form, passReqToCallback, verify) => {
    const { instance, site, visitor } = await aStage('mastodon45', {
      options: { passReqToCallback: passReqToCallback as false },
      verify,
    });
    await visitor.login(site, instance.host);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
  });
});

it('tokens and the token response are passed on unchanged', async () => {
  const seen: unknown[] = [];
  const { instance, site, visitor } = await aStage('pleroma', {
    verify: (access: string, refresh: string, params: object, profile: Profile, done: Done) => {
      seen.push(access, refresh, params);
      done(null, profile);
    },
  });
  await visitor.login(site, instance.host);
  const [token] = [...instance.tokens.values()].filter(({ username }) => username === 'alice');
  expect(seen).toEqual([
    token?.token,
    token?.refreshToken,
    expect.objectContaining({ access_token: token?.token, token_type: 'Bearer' }),
  ]);
});

it.each<[string, (...args: never[]) => unknown]>([
  ['a rejection', async (_a: string) => Promise.reject(new Error('database down'))],
  ['done(error)', (_a: string, _r: unknown, _p: Profile, done: Done) => done(new Error('database down'))],
])('%s reaches next(err), and the request is answered', async (_how, verify) => {
  const { instance, site, visitor } = await aStage('mastodon45', { verify });
  expect((await visitor.login(site, instance.host)).status).toBe(500);
  expect(site.errors).toEqual([new Error('database down')]);
  expect(await whoIsLoggedIn(visitor, site)).toBeUndefined();
});

it.each<[string, (...args: never[]) => unknown]>([
  ['false', async (_a: string) => false],
  [
    'done(null, false, info)',
    (_a: string, _r: unknown, _p: Profile, done: Done) => done(null, false, { message: 'Not you.' }),
  ],
])('%s refuses the login with 401', async (how, verify) => {
  const { instance, site, visitor } = await aStage('mastodon45', { verify });
  const page = await visitor.login(site, instance.host);
  expect(page.status).toBe(401);
  if (how.includes('info')) expect(page.json().message).toBe('Not you.');
  expect(site.errors).toEqual([]);
});

it('info of the application and its state both arrive', async () => {
  const { instance, site, visitor } = await aStage('mastodon45', {
    verify: (_a: string, _r: unknown, profile: Profile, done: Done) =>
      done(null, profile, { welcome: 'back' }),
    authenticate: { state: 7 },
  });
  expect((await visitor.login(site, instance.host)).json().authInfo).toEqual({ welcome: 'back', state: 7 });
});

it.each(['authorizationParams', 'tokenParams'] as const)(
  'an async %s is an error that says so',
  async (hook) => {
    const { instance, site, visitor } = await aStage();
    site.strategy[hook] = async () => ({ display: 'touch' });
    await visitor.login(site, instance.host);
    expect(site.errors).toEqual([
      new TypeError(
        `MastodonStrategy: ${hook} must return an object, and has returned a promise: it cannot be async`,
      ),
    ]);
  },
);

it('an error of verify that throws when it is read is passed on unchanged', async () => {
  const error = Object.defineProperty(new Error('no'), 'code', {
    get: () => {
      throw new Error('another error');
    },
  });
  const { instance, site, visitor } = await aStage('mastodon45', { verify: () => Promise.reject(error) });
  // Express prints errors that it cannot show.
  const shown = jest.spyOn(console, 'error').mockReturnValue();
  await visitor.login(site, instance.host);
  shown.mockRestore();
  expect(site.errors).toHaveLength(1);
  expect(site.errors[0]).toBe(error);
});

it.each([undefined, null, 0, '', 'route'])('a rejection of verify with %j is an error', async (value) => {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as applications do by mistake
  const options = { verify: () => Promise.reject(value), failureRedirect: true };
  const { instance, site, visitor } = await aStage('mastodon45', options);
  expect((await visitor.login(site, instance.host)).status).toBe(500);
  expect(site.errors).toEqual([expect.objectContaining({ cause: value })]);
});

it.each<[string, () => unknown, string]>([
  ['an error', () => new Error('no'), 'MastodonStrategy: Error: no'],
  [
    'a value that cannot be shown',
    () => Object.create(null),
    'MastodonStrategy: something that cannot be shown',
  ],
])('a callback of authenticate that throws %s does not end the process', async (_what, thrown, text) => {
  const emitted = jest.spyOn(process, 'emitWarning').mockReturnValue();
  const { site } = await aStage();
  const callback = () => {
    throw thrown();
  };
  const authenticate = site.passport.authenticate('mastodon', callback) as RequestHandler;
  // Passport calls it once more with the exception, and then the request stays open.
  site.app.get('/throws', authenticate);
  const waiting = new AbortController();
  const answer = fetch(`${site.origin}/throws`, { signal: waiting.signal }).catch(() => 'none');
  await until(() => emitted.mock.calls.some(([given]) => given === text));
  waiting.abort();
  expect(await answer).toBe('none');
  emitted.mockRestore();
});
