/** A web page tries to begin a login for its visitor, although the site accepts only its own form. */

import type { RequestHandler } from 'express';
import { aReturn, aStage, comeBack } from '../support/stage.js';

describe("the callback's route", () => {
  it.each([
    '/auth/mastodon/CALLBACK/x',
    '/AUTH/Mastodon/callback/x/',
    '/auth/mastodon/c%61llback/x',
    '/auth//mastodon/callback/x',
  ])('begins no login, however it is spelt: %s', async (path) => {
    const { instance, site, visitor } = await aStage();
    const page = await visitor.get(`${site.origin}${path}?instance=${instance.host}`);
    expect(page.location).toBeUndefined();
    expect([403, 404]).toContain(page.status);
    expect(instance.requests).toEqual([]);
  });

  it('begins no login behind a proxy that changes paths', async () => {
    const options = { callbackURL: 'http://localhost:1/as/browsers/see/it' };
    const { instance, site, visitor } = await aStage('mastodon45', { options });
    const page = await visitor.get(`${site.origin}/auth/mastodon/callback/x?instance=${instance.host}`);
    expect(page.json()).toMatchObject({ code: 'login_expired' });
    expect(instance.requests).toEqual([]);
  });
});

// The other combinations of headers: test/login/browser.
describe("a form on the attacker's page", () => {
  const begin = async (options: object, headers: Record<string, string>, method = 'POST') => {
    const { instance, site, visitor } = await aStage('mastodon45', { options });
    const url = `${site.origin}/auth/mastodon`;
    const { host: typed } = instance;
    const sent = Object.entries(headers).map(([name, value]) => [name, value.replace('SITE', site.origin)]);
    const page =
      method === 'POST'
        ? await visitor.post(url, { instance: typed }, Object.fromEntries(sent))
        : await visitor.get(`${url}?instance=${typed}`, Object.fromEntries(sent));
    return { ...page, requests: instance.requests.length };
  };

  it.each<[string, Record<string, string>]>([
    ['another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['another site, whatever Origin says', { 'sec-fetch-site': 'cross-site', origin: 'SITE' }],
    ['a sandboxed frame, in an older browser', { origin: 'null' }],
    ['a source that no browser names', { 'sec-fetch-site': 'cross-site, same-origin' }],
    ['a host with the name of the site in it', { origin: 'SITE.evil.example' }],
  ])('at %s begins no login', async (_where, headers) => {
    const { status, json, requests } = await begin({}, headers);
    expect([status, json().code, requests]).toEqual([403, 'cross_site_start', 0]);
    // For a browser without that header and for a sibling host, "another site began the login" would be false.
    expect(json().message).toBe(
      'Your browser did not confirm that you started this login on this site. Please start it here.',
    );
  });

  it.each<[string, object, Record<string, string>]>([
    ['the site itself', {}, { 'sec-fetch-site': 'same-origin' }],
    ['the site itself, in an older browser', {}, { origin: 'SITE' }],
    ['another site that is allowed', { allowCrossSiteStart: true }, { 'sec-fetch-site': 'cross-site' }],
    ['an older one that is allowed', { allowCrossSiteStart: true }, { origin: 'https://partner.example' }],
  ])('is not what %s sends', async (_where, options, headers) => {
    expect((await begin(options, headers)).status).toBe(302);
  });

  it('nor does an image on that page, by GET', async () => {
    const headers = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'image',
    };
    const { status, requests } = await begin({}, headers, 'GET');
    expect([status, requests]).toEqual([403, 0]);
  });
});

describe('a navigation of the visitor', () => {
  const navigation = {
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  };

  it('through a link of another site, to a page that redirects to the start, begins a login', async () => {
    const { instance, site, visitor } = await aStage();
    site.app.get('/members', (_req, res) => res.redirect(`/auth/mastodon?instance=${instance.host}`));
    const page = await visitor.get(`${site.origin}/members`, navigation);
    // Browsers keep sending cross-site along the redirects.
    expect((await visitor.get(page.location ?? '', navigation)).location).toContain(instance.origin);
  });

  it('to a callback that ends in login_restart, and on to another start, begins that one', async () => {
    const { instance, site, visitor } = await aStage();
    site.app.get('/retry/:instance', (req, res, next) => {
      const done = (_error: unknown, _user: unknown, info?: object) => {
        const { code, instance: host } = info as { code: string; instance: string };
        if (code === 'login_restart') res.redirect(`/auth/mastodon?instance=${host}`);
        else res.status(400).json(info);
      };
      (site.passport.authenticate('mastodon', done) as RequestHandler)(req, res, next);
    });
    const { href } = await comeBack(visitor, site, instance.host);
    instance.forgetApps();
    const page = await visitor.get(href.replace('/auth/mastodon/callback/', '/retry/'), navigation);
    expect((await visitor.get(page.location ?? '', navigation)).location).toContain(instance.origin);
  });

  it('back from the instance finishes a login', async () => {
    const { instance, site, visitor } = await aStage();
    const { href } = await comeBack(visitor, site, instance.host);
    expect((await visitor.get(href, navigation)).status).toBe(302);
    expect(site.verified).toHaveLength(1);
  });
});

// The other headers of prefetches: test/login/browser.
describe('a request that the visitor did not intend', () => {
  it.each<[string, string, Record<string, string>]>([
    ['a prefetch', 'GET', { 'sec-purpose': 'prefetch' }],
    ['a HEAD request', 'HEAD', {}],
  ])('begins no login and uses none up: %s', async (_what, method, headers) => {
    // With it, Passport answers a failure with a redirect and a message in the session.
    const { instance, site, visitor, callback } = await aReturn('mastodon45', { failureRedirect: true });
    const cookie = visitor.cookiesAt(site.origin);
    for (const url of [callback.href, `${site.origin}/auth/mastodon?instance=${instance.host}`]) {
      const answer = await fetch(url, { method, headers: { ...headers, cookie }, redirect: 'manual' });
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([503, 'no-store']);
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
    expect(instance.requests).toEqual([]);
    expect((await visitor.get(callback.href)).location).toBe(`${site.origin}/me`);
  });
});
