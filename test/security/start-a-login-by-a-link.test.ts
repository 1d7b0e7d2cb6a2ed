/** A web page wants to begin a login for its visitor, past the site that lets only its own form do so. */

import { Store, storeKey } from '../../lib/store.js';
import { startInstance } from '../support/instance.js';
import { startSite } from '../support/site.js';
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
  it('has no say in which of its documents are believed', async () => {
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

describe('a flood of begun logins', () => {
  it('pushes no credentials out of the store that there is by default', async () => {
    const store = new Store(undefined, 5000);
    const client = storeKey('client', 'mastodon.social', 'credentials');
    await store.save(client, { clientId: 'one' });
    for (let n = 0; n <= 50_000; n++) await store.cache(storeKey('login', '', String(n)), { n }, 600_000);
    expect(await store.read(client)).toEqual({ clientId: 'one' });
    expect(await store.read(storeKey('login', '', '0'))).toBeUndefined();
  });
});

describe("a form on the attacker's page", () => {
  const begin = async (options: object, headers: Record<string, string>) => {
    const instance = await startInstance('mastodon45');
    const site = await startSite({ instances: [instance], options });
    try {
      const response = await fetch(`${site.origin}/auth/mastodon`, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams({ instance: instance.host }),
      });
      return { status: response.status, text: await response.text(), requests: instance.requests.length };
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  };

  it('begins no login, and its visitor is told so', async () => {
    const { status, text, requests } = await begin({}, { 'sec-fetch-site': 'cross-site' });
    expect([status, JSON.parse(text).code, requests]).toEqual([403, 'cross_site_start', 0]);
  });

  it.each(['same-origin', 'same-site', 'none'])('is not what a form at %s is', async (site) => {
    expect((await begin({}, { 'sec-fetch-site': site })).status).toBe(302);
  });

  it('begins one where the site allows it', async () => {
    const { status } = await begin({ allowCrossSiteStart: true }, { 'sec-fetch-site': 'cross-site' });
    expect(status).toBe(302);
  });

  it('coming back from the instance is another matter', async () => {
    const instance = await startInstance('mastodon45');
    const site = await startSite({ instances: [instance] });
    try {
      const visitor = new Visitor();
      const away = await visitor.post(`${site.origin}/auth/mastodon`, { instance: instance.host });
      const back = await visitor.approve(away.location ?? '');
      const page = await visitor.get(back, { 'sec-fetch-site': 'cross-site' });
      expect(page.status).toBe(302);
      expect(site.verified).toHaveLength(1);
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  });
});
