/** Any callback URL is read or refused, and causes a request only if it finishes a pending login. */

import fc from 'fast-check';
import http from 'node:http';
import {
  assertSameInstance,
  callbackPaths,
  codeOf,
  isCallback,
  readResponse,
  targetOf,
} from '../../lib/login/authorization.js';
import { aLogin, aStage, codesAreChecked, leave } from '../support/stage.js';
import { anyText, holds, orRefusal } from './runs.js';

const callbackURL = 'https://site.example/auth/callback';
const otherForm = 'https://site.example/auth/:instance/done';
const name = fc.oneof(
  fc.constantFrom(
    'state',
    'code',
    'error',
    'iss',
    'state[]',
    'code[a]',
    'iss[',
    '__proto__',
    'state['.repeat(100),
    'instance',
  ),
  anyText,
);
const value = fc.oneof(
  fc.constantFrom('A'.repeat(43), 'x', '', 'access_denied', 'https://social.example', 'a'.repeat(1000)),
  anyText,
);
const escaped = (text: string) => encodeURIComponent(text.replace(/[\ud800-\udfff]/g, ''));
const query = fc
  .array(fc.tuple(name, value, fc.boolean()), { maxLength: 6 })
  .map((pairs) =>
    pairs
      .map(([key, text, plain]) => (plain ? `${key}=${text}` : `${escaped(key)}=${escaped(text)}`))
      .join('&'),
  );
const path = fc.oneof(
  fc.constantFrom(
    '/auth/callback/social.example',
    '/auth/callback/',
    '/auth/callback/x',
    '/auth/social.example/done',
    '/auth/x/done/',
    '/auth',
    '*',
    '//evil.example/x',
    `/auth/callback/${'x'.repeat(2000)}`,
    '',
  ),
  anyText.map((text) => `/auth/callback/${escaped(text)}`),
  anyText,
);
const target = fc.tuple(path, query).map(([where, what]) => `${where}?${what}`);

it('a callback URL is refused, or has each parameter once and a state of our form', () =>
  holds(
    fc.property(target, (url) => {
      const req = targetOf(url);
      for (const form of [callbackURL, otherForm]) {
        expect(typeof isCallback(req, callbackPaths(form))).toBe('boolean');
        const { host = '' } = orRefusal(() => readResponse(req, form)) ?? {};
        expect(host).toBe(host.toLowerCase());
        expect(host).toMatch(/^[a-z0-9.:[\]_-]{0,260}$/);
      }
      const params = orRefusal(() => readResponse(req, callbackURL));
      if (!params) return;
      for (const text of Object.values(params)) expect(['string', 'undefined']).toContain(typeof text);
      if (params.state !== undefined) expect(params.state).toMatch(/^[A-Za-z0-9_-]{43}$/);
      const code = orRefusal(() => codeOf(params, 'social.example'));
      if (code !== undefined)
        expect([params.error, code.length > 0 && code.length <= 4096]).toEqual([undefined, true]);
    }),
  ));

it('a callback URL belongs to a login only with the instance’s host in its path, and with the instance as issuer', () =>
  holds(
    fc.property(target, fc.boolean(), (url, promisesIssuer) => {
      const login = aLogin();
      const params = orRefusal(() => readResponse(targetOf(url), callbackURL));
      if (!params) return;
      const instance = { ...login.instance, promisesIssuer };
      const same = orRefusal(() => (assertSameInstance({ ...login, instance }, params), true));
      const issuerFits =
        params.iss === undefined ? !promisesIssuer : /^https:\/\/social\.example\/?$/.test(params.iss);
      expect(same ?? false).toBe(params.host === 'social.example' && issuerFits);
    }),
  ));

it('a real site answers every callback URL without a request to the instance', async () => {
  const { instance, site, visitor } = await aStage();
  // A browser with a session and a pending login, which has the most rights.
  const state = new URL(await leave(visitor, site, instance.host)).searchParams.get('state') ?? '';
  const cookie = visitor.cookiesAt(site.origin);
  await codesAreChecked(instance);
  instance.resetRequests();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const open = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = http.request(`${site.origin}/`, { path, agent, headers: { cookie } }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0));
      });
      // The site may have closed a kept connection in the meantime.
      request.once('error', (error) => (request.reusedSocket ? resolve(open(path)) : reject(error))).end();
    });
  try {
    await holds(
      fc.asyncProperty(target, fc.boolean(), async (url, withState) => {
        // A text that HTTP itself cannot carry never reaches a site.
        const carried = url.replace(/[^\x21-\x7e]/g, '').replace('/auth/callback', '/auth/mastodon/callback');
        // With its own state, only a response for another instance counts: the right one would be a valid login.
        const own = withState && !carried.includes(instance.host) ? `&state=${state}` : '';
        const status = await open((carried.startsWith('/') ? carried : `/${carried}`) + own);
        expect([400, 401, 403, 404, 500]).toContain(status);
        expect(instance.requests).toEqual([]);
        expect(site.verified).toEqual([]);
        // Express itself refuses a path that it cannot decode.
        if (status === 500) expect(String(site.errors.pop())).toMatch(/URIError/);
      }),
      5,
    );
  } finally {
    agent.destroy();
  }
});
