/** Every form that an application may give its verify function. */

import { emittedWarnings } from '../../lib/events.js';
import { callVerify, checkVerify, type VerifyFunction } from '../../lib/passport/verify.js';

const user = { name: 'alice' };
const profile = { provider: 'mastodon' } as never;
const input = { accessToken: 'access', refreshToken: 'refresh', params: { scope: 'read' }, profile };
const call = (verify: unknown, withRequest = false) =>
  callVerify(verify as VerifyFunction, 'request', withRequest, input);
type Done = (error?: unknown, user?: unknown, info?: object) => void;

describe('gets the parameters that it declares', () => {
  const seen = (verify: (see: (...args: unknown[]) => void) => unknown, withRequest = false) =>
    new Promise<unknown[]>((resolve, reject) => {
      call(
        verify((...args) => resolve(args)),
        withRequest,
      ).catch(reject);
    });

  it.each<[string, (see: (...args: unknown[]) => void) => unknown, boolean, unknown[]]>([
    [
      'three parameters',
      (see) => async (a: unknown, r: unknown, p: unknown) => see(a, r, p),
      false,
      ['access', 'refresh', profile],
    ],
    [
      'four, the last of them done',
      (see) => (a: unknown, r: unknown, p: unknown, done: Done) => see(a, r, p, typeof done),
      false,
      ['access', 'refresh', profile, 'function'],
    ],
    [
      'five, with the token answer',
      (see) => (a: unknown, r: unknown, t: unknown, p: unknown, done: Done) => see(a, r, t, p, typeof done),
      false,
      ['access', 'refresh', input.params, profile, 'function'],
    ],
    [
      'the request and three',
      (see) => async (q: unknown, a: unknown, r: unknown, p: unknown) => see(q, a, r, p),
      true,
      ['request', 'access', 'refresh', profile],
    ],
    [
      'the request and five',
      (see) => (q: unknown, a: unknown, r: unknown, t: unknown, p: unknown, done: Done) =>
        see(q, a, r, t, p, typeof done),
      true,
      ['request', 'access', 'refresh', input.params, profile, 'function'],
    ],
  ])('%s', async (_form, verify, withRequest, args) => {
    expect(await seen(verify, withRequest)).toEqual(args);
  });
});

describe('returns the user', () => {
  it.each<[string, unknown]>([
    ['by a promise', async (_a: unknown, _r: unknown, _p: unknown) => user],
    ['by a value', (_a: unknown, _r: unknown, _p: unknown) => user],
    ['by done', (_a: unknown, _r: unknown, _p: unknown, done: Done) => done(null, user)],
    [
      'by done, later',
      (_a: unknown, _r: unknown, _p: unknown, done: Done) => void setTimeout(done, 150, null, user),
    ],
    [
      'by done, from an async function',
      async (_a: unknown, _r: unknown, _p: unknown, done: Done) => done(null, user),
    ],
    [
      'by done, whatever it returns',
      (_a: unknown, _r: unknown, _p: unknown, done: Done) => (setImmediate(done, null, user), 7),
    ],
    [
      'by done, after an async function has returned a query',
      async (_a: unknown, _r: unknown, _p: unknown, done: Done) => (
        setTimeout(done, 150, null, user),
        new Map()
      ),
    ],
    [
      'by done, behind a wrapper without parameters',
      (...args: unknown[]) => void setImmediate(args.at(-1) as Done, null, user),
    ],
    [
      'by a promise, behind a wrapper without parameters',
      (...args: unknown[]) => Promise.resolve(args.length > 0 && user),
    ],
    [
      'once: a second done is not heard',
      (_a: unknown, _r: unknown, _p: unknown, done: Done) => (done(null, user), done(null, { name: 'bob' })),
    ],
  ])('%s', async (_how, verify) => {
    expect(await call(verify)).toEqual({ user });
  });

  it('with info', async () => {
    const verify = (_a: unknown, _r: unknown, _p: unknown, done: Done) =>
      done(null, user, { welcome: 'back' });
    expect(await call(verify)).toEqual({ user, info: { welcome: 'back' } });
  });
});

it.each<[string, unknown]>([
  ['false', async (_a: unknown) => false],
  ['null', async (_a: unknown) => null],
  ['nothing', async (_a: unknown) => undefined],
  ['nothing, at once', (_a: unknown) => undefined],
  ['done(null, false)', (_a: unknown, _r: unknown, _p: unknown, done: Done) => done(null, false)],
  ['done()', (_a: unknown, _r: unknown, _p: unknown, done: Done) => done()],
])('refuses with %s', async (_how, verify) => {
  expect((await call(verify)).user).toBeFalsy();
});

it.each([
  ['undefined, where a return may be missing, with a warning', undefined, 'development', 1],
  ['undefined', undefined, 'production', 0],
  ['false', false, 'development', 0],
])('refuses with %s', async (_what, returned, environment, times) => {
  emittedWarnings.clear();
  const emitted = jest.spyOn(process, 'emitWarning').mockReturnValue();
  const env = jest.replaceProperty(process, 'env', { ...process.env, NODE_ENV: environment });
  for (let turn = 0; turn < 2; turn++) await call(async (_a: unknown) => returned);
  expect(emitted).toHaveBeenCalledTimes(times);
  if (times > 0)
    expect(emitted).toHaveBeenCalledWith(expect.stringContaining('return false'), {
      code: 'MASTODON_NO_USER',
    });
  env.restore();
  emitted.mockRestore();
});

it.each<[string, unknown]>([
  ['a rejection', async (_a: unknown) => Promise.reject(new Error('database down'))],
  [
    'a throw',
    (_a: unknown) => {
      throw new Error('database down');
    },
  ],
  ['done(error)', (_a: unknown, _r: unknown, _p: unknown, done: Done) => done(new Error('database down'))],
  [
    'a rejection, though it declares done',
    async (_a: unknown, _r: unknown, _p: unknown, _d: Done) => Promise.reject(new Error('database down')),
  ],
  [
    'a throw, though it declares done',
    (_a: unknown, _r: unknown, _p: unknown, _d: Done) => {
      throw new Error('database down');
    },
  ],
  ['a rejection behind a wrapper', async (..._args: unknown[]) => Promise.reject(new Error('database down'))],
])('fails with %s', async (_how, verify) => {
  await expect(call(verify)).rejects.toThrow('database down');
});

describe('whose third parameter is done is shown the right form', () => {
  it.each<[string, unknown]>([
    ['and returns the user', (_a: unknown, _r: unknown, _p: unknown, _done: Done) => user],
    ['and promises the user', async (_a: unknown, _r: unknown, _p: unknown, _done: Done) => user],
    [
      'and promises the user, with params',
      async (_a: unknown, _r: unknown, _t: unknown, _p: unknown, _done: Done) => user,
    ],
    [
      'and takes it for the profile',
      async (_a: unknown, _r: unknown, _params: unknown, theirs: { provider: string }) => ({
        id: theirs.provider,
      }),
    ],
    [
      'and takes it for the profile behind a wrapper, as Nest has one',
      async (...args: unknown[]) => {
        const validate = async (_a: unknown, _r: unknown, _params: unknown, theirs: { provider: string }) =>
          theirs.provider;
        return validate(...(args as Parameters<typeof validate>));
      },
    ],
  ])('%s', async (_how, verify) => {
    await expect(call(verify)).rejects.toThrow(/verify function.*\(accessToken, refreshToken, profile/);
  });
});

describe('is refused in the constructor', () => {
  const [withRequest, withoutRequest] = [true, false];

  it.each<[string, unknown, boolean]>([
    ['of three', (_a: unknown, _r: unknown, _p: unknown) => user, withoutRequest],
    ['with done', (_a: unknown, _r: unknown, _p: unknown, _done: Done) => user, withoutRequest],
    [
      'with params',
      (_a: unknown, _r: unknown, _t: unknown, _p: unknown, _done: Done) => user,
      withoutRequest,
    ],
    ['without parameters', () => user, withoutRequest],
    ['with a rest parameter', (...args: unknown[]) => args, withoutRequest],
    ['of one', (_a: unknown) => user, withoutRequest],
    [
      'of a class',
      { validate: async (_a: unknown, _r: unknown, _p: unknown) => user }.validate,
      withoutRequest,
    ],
    ['bound', function (_a: unknown, _r: unknown, _p: unknown) {}.bind(null), withoutRequest],
    ['of four, with the request', (_q: unknown, _a: unknown, _r: unknown, _p: unknown) => user, withRequest],
    ['of one, with the request', (_q: unknown) => user, withRequest],
  ])('not a function %s', (_what, verify, isWithRequest) => {
    expect(() => checkVerify(verify, isWithRequest)).not.toThrow();
  });

  it.each<[string, unknown, boolean, string]>([
    [
      'two parameters, which cannot hold the profile',
      (_a: unknown, _p: unknown) => user,
      withoutRequest,
      '2 parameters. Write async (accessToken, refreshToken, profile) => user, or (accessToken, refresh',
    ],
    [
      'six',
      (_q: unknown, _a: unknown, _r: unknown, _t: unknown, _p: unknown, _d: unknown) => user,
      withoutRequest,
      'passReqToCallback: true',
    ],
    ['three, with the request', (_a: unknown, _r: unknown, _p: unknown) => user, withRequest, '3 parameters'],
    [
      'seven, with the request',
      (_a: 1, _b: 1, _c: 1, _d: 1, _e: 1, _f: 1, _g: 1) => user,
      withRequest,
      '(req, accessToken, refreshToken, profile)',
    ],
    ['a generator', function* (_a: unknown, _r: unknown, _p: unknown) {}, withoutRequest, 'async function'],
    [
      'an async generator',
      async function* (_a: unknown, _r: unknown, _p: unknown) {},
      withoutRequest,
      'async function',
    ],
    ['a class', class {}, withoutRequest, 'async function'],
    ['a text', 'verify', withoutRequest, 'requires a verify function'],
    ['nothing', undefined, withoutRequest, 'requires a verify function'],
  ])('%s', (_what, verify, isWithRequest, message) => {
    expect(() => checkVerify(verify, isWithRequest)).toThrow(TypeError);
    expect(() => checkVerify(verify, isWithRequest)).toThrow(message);
  });
});

it('an error after done does not end the process, and is emitted as a warning', async () => {
  const emitted = jest.spyOn(process, 'emitWarning').mockReturnValue();
  const rejections: unknown[] = [];
  const note = (reason: unknown) => void rejections.push(reason);
  process.on('unhandledRejection', note);
  for (const thrown of [new Error('of the audit log'), Object.create(null) as Error]) {
    const late = async (_a: unknown, _r: unknown, _p: unknown, done: Done) => {
      done(null, user);
      throw thrown;
    };
    expect(await call(late)).toEqual({ user });
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(rejections).toEqual([]);
  expect(emitted).toHaveBeenCalledWith(expect.stringContaining('of the audit log'));
  expect(emitted).toHaveBeenCalledWith(expect.stringContaining('something that cannot be shown'));
  emitted.mockRestore();
});
