/** A verify function that could only log in nobody, or everybody as the same user, makes no strategy. */

import { checkVerify } from '../../lib/passport/verify-shape.js';

// As text, so that the compiler leaves parameters and their names as a site may have written them.
const functionOf = (source: string) => new Function(`return (${source})`)() as unknown;

describe('without passReqToCallback', () => {
  it.each([
    'async (accessToken, refreshToken, profile) => profile',
    'async (accessToken, refreshToken, { id, handle }) => ({ id, handle })',
    'async function (accessToken, refreshToken, profile) {}',
    'function verify(accessToken, refreshToken, profile, done) {}',
    '(accessToken, refreshToken, profile, cb) => cb(null, profile)',
    '(access_token, refresh_token, profile, callback) => {}',
    '(_accessToken, _refreshToken, params, profile, done) => {}',
    '(token, tokenSecret, { scope }, profile, verified) => {}',
    '(a, b, c, d) => {}',
    '(accessToken, refreshToken, { id, profile, handle }) => ({ id, profile, handle })',
    '(accessToken, refreshToken, profile, done, { log } = console) => {}',
    '(accessToken, refreshToken, profile, done, params = {}) => {}',
    "(accessToken = '', refreshToken, profile) => [id].map(profile => profile)",
    '(accessToken, refreshToken, profile) => [id].map(done => done)',
    '(accessToken, refreshToken, profile) => "class"',
    '(...[accessToken, refreshToken]) => {}',
    '() => {}',
    'accessToken => {}',
    'async accessToken => {}',
    '(...args) => {}',
    '(accessToken, refreshToken, ...rest) => {}',
    '(accessToken, refreshToken, profile = {}) => {}',
    '(accessToken, refreshToken, profile = {}, done = () => {}) => {}',
    '(accessToken /* (unused) */, refreshToken, profile) => {}',
    '{ async validate(accessToken, refreshToken, profile) {} }.validate',
    '(function (accessToken, refreshToken) {}).bind(null)',
    'new Proxy((accessToken, refreshToken) => {}, {})',
  ])('%s is taken', (source) => {
    expect(() => checkVerify(functionOf(source), false)).not.toThrow();
  });

  it.each([
    ['(req, accessToken, refreshToken, profile) => {}', 'passReqToCallback: true'],
    ['(request, accessToken, refreshToken, profile, done) => {}', 'passReqToCallback: true'],
    ['(req, accessToken, refreshToken, params, profile, done) => {}', '6 parameters'],
    ['(a, b, c, d, e, f) => {}', '6 parameters'],
    ['(a, b) => {}', '2 parameters'],
    ['async (accessToken, profile) => {}', '2 parameters'],
    ['function (accessToken, profile) {}', '2 parameters'],
    ['function(accessToken, profile) {}', '2 parameters'],
    ['function verify (accessToken, profile) {}', '2 parameters'],
    ['async function (accessToken, profile) {}', '2 parameters'],
    ['async  function  verify(accessToken, profile) {}', '2 parameters'],
    ['(accessToken, profile,) => {}', '2 parameters'],
    ['{ verify(accessToken, profile) {} }.verify', '2 parameters'],
    ['async (accessToken, refreshToken, params, profile) => ({ id: profile.id })', 'params'],
    [
      'async (access, refresh, answer, profile) => ({ id: profile.id })',
      'parameter 4, profile, would be given done',
    ],
    ['async (accessToken, refreshToken, profile, params) => {}', 'params, would be given done'],
    ['async (accessToken, refreshToken, profile, params = {}) => {}', 'params, would be given done'],
    ['async (access, refresh, answer, { id }) => ({ id })', 'takes an object apart'],
    ['async (accessToken, refreshToken, profile, { log } = console) => {}', 'takes an object apart'],
    ['async profile => ({ id: profile.id })', 'profile, would be given accessToken'],
    ['async  profile => ({ id: profile.id })', 'profile, would be given accessToken'],
    ['profile=>({ id: profile.id })', 'profile, would be given accessToken'],
    ['(_profile, refreshToken, done) => {}', 'profile, would be given accessToken'],
    ['async ({ id, handle }) => ({ id, handle })', 'parameter 1 takes an object apart'],
    ['(accessToken, profile, done) => done(null, profile)', 'profile, would be given refreshToken'],
    ['function* (accessToken, refreshToken, profile) {}', 'plain or an async function'],
    ['async function* (accessToken, refreshToken, profile) {}', 'plain or an async function'],
    ['class Verify {}', 'plain or an async function'],
    ['"verify"', 'requires a verify function'],
    ['undefined', 'requires a verify function'],
  ])('%s is told: %s', (source, told) => {
    const check = () => checkVerify(functionOf(source), false);
    expect(check).toThrow(TypeError);
    expect(check).toThrow(told);
  });

  it('is told what to write, without the request', () => {
    const check = () => checkVerify(functionOf('(a, b) => {}'), false);
    expect(check).toThrow('Write async (accessToken, refreshToken, profile) => user, or (accessToken,');
  });
});

describe('with passReqToCallback', () => {
  it.each([
    'async (req, accessToken, refreshToken, profile) => profile',
    'async ({ session }, accessToken, refreshToken, { id }) => ({ id })',
    '(req, accessToken, refreshToken, profile, done) => {}',
    '(req, accessToken, refreshToken, params, profile, done) => {}',
    'req => {}',
    '() => {}',
    '(...args) => {}',
    '(a, b, c, d, e) => {}',
  ])('%s is taken', (source) => {
    expect(() => checkVerify(functionOf(source), true)).not.toThrow();
  });

  it.each([
    ['async (accessToken, refreshToken, profile) => profile', '3 parameters'],
    ['(accessToken, refreshToken, profile, done) => {}', 'accessToken, would be given req'],
    ['(accessToken, refreshToken, params, profile, done) => {}', 'accessToken, would be given req'],
    ['async (req, accessToken, refreshToken, params, profile) => {}', 'params, would be given profile'],
    [
      'async ({ session }, accessToken, refreshToken, params, profile) => {}',
      'params, would be given profile',
    ],
    ['(a, b, c, d, e, f, g) => {}', '7 parameters'],
  ])('%s is told: %s', (source, told) => {
    const check = () => checkVerify(functionOf(source), true);
    expect(check).toThrow(TypeError);
    expect(check).toThrow(told);
    expect(check).toThrow('(req, accessToken, refreshToken, profile)');
  });
});
