/** Attacks on the web adapter, at a typical site, beside those that every site has to withstand. */

import { startInstance, type StandIn } from '../support/instance.js';
import { Visitor, type Page } from '../support/visitor.js';
import type { RunningSite } from '../frameworks/running.js';

const cookieName = '__Host-mastodon-login';

/** @param run starts the site, whose settings have the origin https://site.example */
export function keepsStrangersOut(run: (developmentInstances: string) => Promise<RunningSite>): void {
  let instance: StandIn;
  let site: RunningSite;
  let visitor: Visitor;
  beforeAll(async () => {
    instance = await startInstance('mastodon45');
    site = await run(instance.origin);
  });
  afterAll(async () => void (await Promise.all([site?.close(), instance?.close()])));
  beforeEach(() => (visitor = new Visitor()));

  const begin = (browser: Visitor, headers = {}) =>
    browser.post(`${site.origin}/auth/mastodon`, { instance: instance.host, from: 'here' }, headers);

  /** The callback URL, not yet opened. */
  async function comeBack(browser: Visitor, as = 'alice'): Promise<string> {
    const { location, status, text } = await begin(browser);
    if (location === undefined) throw new Error(`Not sent away: ${status} ${text}`);
    return site.at(await browser.approve(location, { as }));
  }

  const open = async (browser: Visitor, url: string) => browser.follow(await browser.get(url));

  async function whoIs(browser: Visitor): Promise<string | undefined> {
    const page = await browser.get(`${site.origin}/me`);
    return (page.json() as { user: { handle: string } | null }).user?.handle.split('@')[0];
  }

  /** The cookies of the site in one browser. */
  function jarOf(browser: Visitor): Map<string, string> {
    const { host } = new URL(site.origin);
    const jar = browser.jars.get(host) ?? new Map<string, string>();
    browser.jars.set(host, jar);
    return jar;
  }

  /** The sentence is shown, no user is logged in, and no code in the URL was sent to any server. */
  async function expectRefusal(page: Page, sentence: RegExp): Promise<void> {
    expect((await visitor.follow(page)).text).toMatch(sentence);
    expect(await whoIs(visitor)).toBeUndefined();
    const code = new URL(page.url).searchParams.get('code') ?? '';
    expect(instance.requests.filter(({ body }) => body['code'] === code)).toEqual([]);
  }

  const expired = /expired or was already used/;

  it('gives the browser one cookie, which no script can read and no other host can set', async () => {
    const { headers } = await begin(visitor);
    const lines = (headers['set-cookie'] ?? []).filter((line) => line.includes('mastodon-login'));
    expect(lines).toEqual([expect.stringMatching(/^__Host-mastodon-login=[\w-]{43};/)]);
    const attributes = lines[0]?.split('; ').slice(1) ?? [];
    expect(attributes).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'SameSite=Lax', 'Secure']));
    expect(attributes.join()).not.toMatch(/domain/i);
  });

  it("begins no login for another site's page", async () => {
    await expectRefusal(
      await begin(visitor, { 'Sec-Fetch-Site': 'cross-site' }),
      /did not confirm that you started this login/,
    );
    expect(jarOf(visitor).has(cookieName)).toBe(false);
  });

  it('begins no login for a page of a sibling host', async () => {
    const page = await begin(visitor, { 'Sec-Fetch-Site': 'same-site' });
    await expectRefusal(page, /did not confirm that you started this login/);
  });

  it.each(['same-origin', 'none'])('begins a login if the browser sends %s', async (from) => {
    const page = await begin(visitor, { 'Sec-Fetch-Site': from });
    expect(page.location).toContain(instance.origin);
  });

  it('ignores a cookie that another host of its domain planted', async () => {
    const attacker = new Visitor();
    const callback = await comeBack(attacker, 'bob');
    // A cookie that a browser keeps for a whole domain, or for plain http, cannot have the prefix.
    jarOf(visitor).set('mastodon-login', jarOf(attacker).get(cookieName) ?? '');
    await expectRefusal(await visitor.get(callback), expired);
  });

  it('does not let an attacker who knows an earlier browser key finish the next login', async () => {
    const attacker = new Visitor();
    await begin(attacker);
    const planted = jarOf(attacker).get(cookieName) ?? '';
    jarOf(visitor).set(cookieName, planted);
    await open(visitor, await comeBack(visitor));
    expect(await whoIs(visitor)).toBe('alice');
    const next = await comeBack(visitor);
    jarOf(attacker).set(cookieName, planted);
    expect((await open(attacker, next)).text).toMatch(expired);
    expect(await whoIs(attacker)).toBeUndefined();
  });

  it('after a login and another start, finishes a login that began before both', async () => {
    const [first, second] = [await comeBack(visitor), await comeBack(visitor)];
    await open(visitor, first);
    const third = await comeBack(visitor);
    for (const callback of [second, third]) {
      const page = await open(visitor, callback);
      expect(new URL(page.url).searchParams.get('from')).toBe('here');
    }
  });

  it.each(['code=other', 'state=other', 'state[]=other', 'code[a][b]=other', 'iss=a&iss=a'])(
    'refuses a repeated or nested parameter: %s',
    async (more) => {
      const callback = await comeBack(visitor);
      await expectRefusal(await visitor.get(`${callback}&${more}`), /does not belong to the login/);
    },
  );

  it('refuses a response that names another instance, in its path or as its issuer', async () => {
    for (const change of [
      (url: URL) => (url.pathname = url.pathname.replace(/[^/]+$/, 'evil.example')),
      (url: URL) => url.searchParams.set('iss', 'https://evil.example'),
    ]) {
      const callback = new URL(await comeBack(visitor));
      change(callback);
      await expectRefusal(await visitor.get(callback.href), /does not belong to the login/);
    }
  });

  it('does not show the error text of a response', async () => {
    const callback = new URL(await comeBack(visitor));
    callback.searchParams.delete('code');
    callback.searchParams.set('error', 'EVIL');
    callback.searchParams.set('error_description', '<script>EVIL</script>');
    const page = await open(visitor, callback.href);
    expect(page.text).toContain('did not complete the login');
    expect(page.text).not.toContain('EVIL');
  });

  it('uses the configured origin, whatever host and scheme a request names', async () => {
    const { location } = await begin(visitor, { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' });
    const { searchParams } = new URL(location ?? '');
    expect(searchParams.get('redirect_uri')).toMatch(/^https:\/\/site\.example\/auth\/mastodon\/callback\//);
  });
}
