/** Codes are stable, messages can be shown to visitors, and errors contain no secrets. */

import { ErrorCode, MastodonError, type MastodonErrorCode, errorOf, recordOf } from '../lib/errors.js';

const codes = Object.keys(ErrorCode) as MastodonErrorCode[];

it('these are the codes', () => {
  expect(codes.sort()).toEqual([
    'access_denied',
    'account_unusable',
    'cross_site_start',
    'instance_blocked',
    'instance_insecure',
    'instance_invalid',
    'instance_missing',
    'instance_not_allowed',
    'instance_unreachable',
    'instance_unsupported',
    'login_busy',
    'login_expired',
    'login_mismatch',
    'login_restart',
    'prefetch_refused',
    'registration_refused',
    'registration_throttled',
    'response_invalid',
    'response_too_large',
    'revocation_unsupported',
    'scope_refused',
    'store_failed',
    'timeout',
    'token_refused',
  ]);
});

it.each(['"onfocus="alert(1)"autofocus="', `"x='.evil.com`, 'a b', '', 'x'.repeat(300), '<b>'])(
  'an error names no server by %j, which a redirect may hold in the place of a host',
  (instance) => {
    const error = new MastodonError('instance_unreachable', { instance });
    expect(error.instance).toBeUndefined();
    expect(error.message).toBe(new MastodonError('instance_unreachable').message);
  },
);

it.each(codes)('%s has a status and a sentence for people, with and without an instance', (code) => {
  for (const instance of [undefined, 'social.example']) {
    const error = new MastodonError(code, { instance });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toMatch(/^[A-Z].*\.$/);
    expect(error.message).not.toMatch(/%s|undefined|oauth|token|json/i);
    expect(error.status).toBeGreaterThanOrEqual(400);
    expect(ErrorCode[code]).toBe(code);
  }
});

it('the cause is for the operator: neither in the message nor in JSON', () => {
  const error = new MastodonError('timeout', { instance: 'social.example', cause: new Error('details') });
  expect(error.message).not.toContain('details');
  expect(JSON.stringify(error)).not.toContain('details');
  expect(error.cause).toEqual(new Error('details'));
});

it('the first call that names the instance wins', () => {
  const cause = new Error('details');
  const told = new MastodonError('timeout', { cause, status: 503 }).at('social.example');
  expect(told).toMatchObject({ code: 'timeout', instance: 'social.example', status: 503, cause });
  expect(told.at('evil.example')).toBe(told);
});

it.each([
  ['name_without_dot', 'instance_invalid'],
  ['user_without_server', 'instance_invalid'],
  ['speaks_misskey', 'instance_unsupported'],
  ['misskey_too_old', 'instance_unsupported'],
  ['single_use_apps', 'instance_unsupported'],
  ['server_busy', 'instance_unreachable'],
  ['login_ended', 'account_unusable'],
  ['scope_not_granted', 'token_refused'],
  ['secrets_forgotten', 'registration_refused'],
] as const)('the reason %s has a sentence of its own, and keeps it', (reason, code) => {
  const error = new MastodonError(code, { reason }).at('social.example');
  expect(error).toMatchObject({ code, reason, status: new MastodonError(code).status });
  expect(error.message).not.toBe(new MastodonError(code, { instance: 'social.example' }).message);
  expect(error.message).toMatch(/^[A-Z].*[.?]$/);
  expect(error.message).not.toMatch(/%s|undefined|oauth|token|json|that server/i);
});

it('an international name is spelt as it was typed, for the visitor who typed it, in the sentence alone', () => {
  const cause = new Error('details');
  const error = new MastodonError('timeout', { instance: 'xn--bcher-kva.example', cause, status: 503 });
  expect(error.message).toContain('xn--bcher-kva.example');
  const told = error.with({ typedInstance: 'bücher.example' });
  expect(told).toMatchObject({ code: 'timeout', instance: 'xn--bcher-kva.example', status: 503, cause });
  expect(told.message).toContain('The server bücher.example took');
  expect(error.message).not.toContain('bücher');
});

it('a copy of an error is another object, and changing one does not change the other', () => {
  const error = new MastodonError('timeout', { instance: 'social.example', cause: new Error('why') });
  const mine = error.with({ state: { mine: true } });
  expect(mine).not.toBe(error);
  expect(mine.state).toEqual({ mine: true });
  expect(error.state).toBeUndefined();
  expect(mine).toMatchObject({
    code: 'timeout',
    instance: 'social.example',
    cause: error.cause,
    status: 504,
  });
});

it('a cached failure makes a new error for each caller', () => {
  const remembered = recordOf(
    new MastodonError('instance_unsupported', { instance: 'a.example', reason: 'speaks_misskey' }),
  );
  expect(errorOf(remembered)).not.toBe(errorOf(remembered));
  expect(errorOf(remembered).message).toBe(
    new MastodonError('instance_unsupported', { instance: 'a.example', reason: 'speaks_misskey' }).message,
  );
});

it('a host is put into the sentence unchanged', () => {
  expect(new MastodonError('timeout', { typedInstance: "$&$'$1" }).message).toContain("$&$'$1");
});

it('an error is recognised by every loaded copy of the package, and nothing else is', () => {
  let copy: typeof MastodonError | undefined;
  jest.isolateModules(() => {
    copy = (jest.requireActual('../lib/errors.js') as { MastodonError: typeof MastodonError }).MastodonError;
  });
  if (!copy || copy === MastodonError) throw new Error('it is the same copy');
  expect(new copy('timeout')).toBeInstanceOf(MastodonError);
  expect(new MastodonError('timeout')).toBeInstanceOf(copy);
  class Special extends MastodonError {}
  expect(new Special('timeout')).toBeInstanceOf(copy);
  expect(new Special('timeout')).toBeInstanceOf(Special);
  expect(new MastodonError('timeout')).not.toBeInstanceOf(Special);
  for (const other of [
    new Error('timeout'),
    { name: 'MastodonError', code: 'timeout' },
    null,
    undefined,
    'timeout',
  ]) {
    expect((other as unknown) instanceof MastodonError).toBe(false);
  }
  expect(Object.getOwnPropertySymbols(new MastodonError('timeout'))).toEqual([]);
});
