/** A web page tries to begin a login for its visitor, although the site accepts only its own form. */

import type { RequestHandler } from 'express';
import { until } from '../support/hostile.js';
import { Store, storeKey } from '../../lib/store.js';
import { startInstance, type StandIn } from '../support/instance.js';
import { startSite, type Site } from '../support/site.js';
import { Visitor } from '../support/visitor.js';

describe("the callback's route", () => {
  it.each([
    '/auth/mastodon/CALLBACK/x',
    '/AUTH/Mastodon/callback/x/',
    '/auth/mastodon/c%61llback/x',
    '/auth//mastodon/callback/x',
  ])('begins no login, however it is spelt: %s', async (path) => {
    const instance = await startInstance('mastodon45');
    const site = await startSite({ instances: [instance] });
    try {
      const page = await new Visitor().get(`${site.origin}${path}?instance=${instance.host}`);
      expect(page.location).toBeUndefined();
      expect([403, 404]).toContain(page.status);
      expect(instance.requests).toEqual([]);
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  });
});

describe("the callback's route behind a proxy that changes paths", () => {
  it('begins no login either', async () => {
    const instance = await startInstance('mastodon45');
    const options = { callbackURL: 'http://localhost:1/as/browsers/see/it' };
    const site = await startSite({ instances: [instance], options });
    try {
      const path = `/auth/mastodon/callback/x?instance=${instance.host}`;
      const page = await new Visitor().get(site.origin + path);
      expect(page.json()).toMatchObject({ code: 'login_expired' });
      expect(instance.requests).toEqual([]);
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  });
});

describe('a host that redirects to an honest instance', () => {
  it('does not choose which of its documents are accepted', async () => {
    const honest = await startInstance('mastodon45');
    const evil = await startInstance('mastodon45');
    const site = await startSite({ instances: [honest, evil] });
    try {
      const upload = JSON.stringify({
        issuer: honest.origin,
        authorization_endpoint: `${honest.origin}/oauth/authorize`,
        token_endpoint: `${honest.origin}/uploads/token`,
      });
      honest.answerWith('/uploads/metadata', 200, upload, { 'content-type': 'application/json' });
      const redirect = (to: string) => ({ location: honest.origin + to });
      evil.answerWith('/api/v1/instance', 302, '', redirect('/api/v1/instance'));
      evil.answerWith('/.well-known/oauth-authorization-server', 302, '', redirect('/uploads/metadata'));
      const page = await new Visitor().login(site, evil.host);
      expect(page.json().user).toMatchObject({ instance: { origin: honest.origin } });
      expect(honest.requestsTo('/uploads/token')).toEqual([]);
      expect(honest.requestsTo('/uploads/metadata').length).toBeLessThanOrEqual(1);
    } finally {
      await Promise.all([site.close(), honest.close(), evil.close()]);
    }
  });
});

describe('a flood of pending logins', () => {
  it('removes no credentials from the default store', async () => {
    const store = new Store(undefined, 5000);
    const client = storeKey('client', 'mastodon.social', 'credentials');
    await store.set(client, { clientId: 'one' });
    for (let n = 0; n <= 50_000; n++) await store.cache(storeKey('login', '', String(n)), { n }, 600_000);
    expect(await store.get(client)).toEqual({ clientId: 'one' });
    expect(await store.get(storeKey('login', '', '0'))).toBeUndefined();
  });
});

describe("a form on the attacker's page", () => {
  const begin = async (options: object, headers: Record<string, string>, method = 'POST') => {
    const instance = await startInstance('mastodon45');
    const site = await startSite({ instances: [instance], options });
    try {
      const isPost = method === 'POST';
      const query = isPost ? '' : `?instance=${instance.host}`;
      const response = await fetch(`${site.origin}/auth/mastodon${query}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(isPost && { 'content-type': 'application/x-www-form-urlencoded' }),
          ...Object.fromEntries(
            Object.entries(headers).map(([name, value]) => [name, value.replace('SITE', site.origin)]),
          ),
        },
        ...(isPost && { body: new URLSearchParams({ instance: instance.host }) }),
      });
      return { status: response.status, text: await response.text(), requests: instance.requests.length };
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  };

  it.each<[string, Record<string, string>]>([
    [
      'another site',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    ],
    ['a sibling host of the site', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' }],
    ['another site, to an older browser', { origin: 'https://evil.example' }],
    ['a sandboxed frame, in an older browser', { origin: 'null' }],
    ['a source that no browser names', { 'sec-fetch-site': 'cross-site, same-origin' }],
    ['another site, whatever Origin says', { 'sec-fetch-site': 'cross-site', origin: 'SITE' }],
    ['a host with the name of the site in it', { origin: 'SITE.evil.example' }],
  ])('at %s begins no login', async (_where, headers) => {
    const { status, text, requests } = await begin({}, headers);
    expect([status, JSON.parse(text).code, requests]).toEqual([403, 'cross_site_start', 0]);
    // For a browser without that header and for a sibling host, "another site began the login" would be false.
    expect(JSON.parse(text).message).toBe(
      'Your browser did not confirm that you started this login on this site. Please start it here.',
    );
  });

  it.each<[string, Record<string, string>]>([
    ['the site itself', { 'sec-fetch-site': 'same-origin' }],
    ['a page without a referrer, as Helmet has it', { 'sec-fetch-site': 'same-origin', origin: 'null' }],
    ['an address that was typed', { 'sec-fetch-site': 'none' }],
    ['the site itself, in an older browser', { origin: 'SITE' }],
    ['a program', {}],
  ])('is not what %s sends', async (_where, headers) => {
    expect((await begin({}, headers)).status).toBe(302);
  });

  it('begins one if the site allows it', async () => {
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://partner.example' }]) {
      expect((await begin({ allowCrossSiteStart: true }, headers)).status).toBe(302);
    }
  });

  it.each<[string, Record<string, string>]>([
    ['a frame', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
    ['an image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['a script', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
  ])('nor does %s on that page, by GET', async (_what, headers) => {
    const { status, requests } = await begin({}, { 'sec-fetch-site': 'cross-site', ...headers }, 'GET');
    expect([status, requests]).toEqual([403, 0]);
  });
});

describe('a navigation of the visitor', () => {
  const navigation = {
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  };

  async function onStage(work: (site: Site, instance: StandIn, visitor: Visitor) => Promise<void>) {
    const instance = await startInstance('mastodon45');
    const site = await startSite({ instances: [instance] });
    try {
      await work(site, instance, new Visitor());
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  }

  it('through a link of another site, to a page that redirects to the start, begins a login', () =>
    onStage(async (site, instance, visitor) => {
      site.app.get('/members', (_req, res) => res.redirect(`/auth/mastodon?instance=${instance.host}`));
      const page = await visitor.get(`${site.origin}/members`, navigation);
      // Browsers keep sending cross-site along the redirects.
      expect((await visitor.get(page.location ?? '', navigation)).location).toContain(instance.origin);
    }));

  it('to a callback that ends in login_restart, and on to another start, begins that one', () =>
    onStage(async (site, instance, visitor) => {
      site.app.get('/retry/:instance', (req, res, next) => {
        const done = (_error: unknown, _user: unknown, info?: object) => {
          const { code, instance: host } = info as { code: string; instance: string };
          if (code === 'login_restart') res.redirect(`/auth/mastodon?instance=${host}`);
          else res.status(400).json(info);
        };
        (site.passport.authenticate('mastodon', done) as RequestHandler)(req, res, next);
      });
      const away = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host });
      const back = await visitor.approve(away.location ?? '');
      instance.forgetApps();
      const page = await visitor.get(back.replace('/auth/mastodon/callback/', '/retry/'), navigation);
      expect((await visitor.get(page.location ?? '', navigation)).location).toContain(instance.origin);
    }));

  it('back from the instance finishes a login', () =>
    onStage(async (site, instance, visitor) => {
      const away = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host });
      const back = await visitor.approve(away.location ?? '');
      expect((await visitor.get(back, navigation)).status).toBe(302);
      expect(site.verified).toHaveLength(1);
    }));
});

describe('a request that the visitor did not intend', () => {
  const prefetches: [string, string, Record<string, string>][] = [
    ['a prefetch', 'GET', { 'sec-purpose': 'prefetch' }],
    ['a prerender', 'GET', { 'sec-purpose': 'prefetch;prerender' }],
    ['a prefetch of Safari', 'GET', { purpose: 'prefetch' }],
    ['a prefetch of an old Firefox', 'GET', { 'x-moz': 'prefetch' }],
    ['a HEAD request', 'HEAD', {}],
  ];

  it.each(prefetches)('begins no login and uses none up: %s', async (_what, method, headers) => {
    const instance = await startInstance('mastodon45');
    // With it, Passport answers a failure with a redirect and a message in the session.
    const site = await startSite({ instances: [instance], failureRedirect: true });
    try {
      const visitor = new Visitor();
      const away = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host });
      const back = await visitor.approve(away.location ?? '');
      // Meanwhile the site runs the invalid-code check at a new instance.
      await until(() => instance.requestsTo('/oauth/token').length > 0);
      instance.resetRequests();
      const cookie = [...(visitor.jars.get(new URL(site.origin).host) ?? [])]
        .map((pair) => pair.join('='))
        .join('; ');
      for (const url of [back, `${site.origin}/auth/mastodon?instance=${instance.host}`]) {
        const answer = await fetch(url, { method, headers: { ...headers, cookie }, redirect: 'manual' });
        expect([answer.status, answer.headers.get('cache-control')]).toEqual([503, 'no-store']);
        expect(answer.headers.get('set-cookie')).toBeNull();
      }
      expect(instance.requests).toEqual([]);
      expect((await visitor.get(back)).location).toBe(`${site.origin}/me`);
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  });
});
