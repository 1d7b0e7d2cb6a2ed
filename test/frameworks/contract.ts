/** The promises of a login under every framework, tested over HTTP at a typical site. */

import { MastodonError, type MastodonErrorCode, type MastodonErrorReason } from '../../lib/errors.js';
import { startInstance, type StandIn } from '../support/instance.js';
import { Visitor, type Decision, type Page } from '../support/visitor.js';
import { runSite, type RunningSite } from './running.js';

export interface Site {
  /**
   * Path below the repository's root, or a function that runs the site. The site begins logins at POST
   * /auth/mastodon, names the logged-in user at /me, and shows failures.
   */
  readonly program: string | ((developmentInstances: string) => Promise<RunningSite>);
  /** The session is stored on the server, so a login must give the browser a new one. Default true. */
  readonly isSessionOnServer?: boolean;
  /**
   * A login replaces the session's content, like in Passport, and with it the browser key of other tabs. Default
   * true.
   */
  readonly isSessionReplaced?: boolean;
}

const garbage: readonly [string, Record<string, string>, MastodonErrorCode, MastodonErrorReason?][] = [
  ['nothing', {}, 'instance_missing'],
  ['spaces', { instance: '  ' }, 'instance_missing'],
  ['a word', { instance: 'mastodon' }, 'instance_invalid', 'name_without_dot'],
  ['an address of this machine', { instance: '127.0.0.1' }, 'instance_invalid'],
  ['a file', { instance: 'file:///etc/passwd' }, 'instance_invalid'],
  ['a script', { instance: '<script>alert(1)</script>' }, 'instance_invalid'],
  ['line ends', { instance: 'social.example\r\nX-Injected: 1' }, 'instance_invalid'],
  ['ten thousand letters', { instance: `${'a'.repeat(10_000)}.example` }, 'instance_invalid'],
];

/** An origin without a listener, whose port the system gives to no program. */
const unreachable = 'http://localhost:1';

export function logsVisitorsIn({ program, isSessionOnServer = true, isSessionReplaced = true }: Site): void {
  let instance: StandIn;
  let site: RunningSite;
  beforeAll(async () => {
    instance = await startInstance('mastodon45');
    const run = typeof program === 'string' ? (list: string) => runSite(program, list) : program;
    site = await run(`${instance.origin} ${unreachable}`);
  });
  afterAll(async () => void (await Promise.all([site?.close(), instance?.close()])));

  function begin(visitor: Visitor, form: Record<string, string>): Promise<Page> {
    return visitor.post(`${site.origin}/auth/mastodon`, form, { Origin: site.origin });
  }

  /** The callback URL with code and state, before it is opened. */
  async function comeBack(visitor: Visitor, decision: Decision = {}, from = 'pricing'): Promise<string> {
    const { location, status, text } = await begin(visitor, { instance: instance.host, from });
    if (location === undefined) throw new Error(`Not sent away: ${status} ${text}`);
    return site.at(await visitor[decision.deny ? 'deny' : 'approve'](location, decision));
  }

  async function open(visitor: Visitor, url: string): Promise<Page> {
    return visitor.follow(await visitor.get(url));
  }

  async function whoIs(visitor: Visitor): Promise<{ id: string; handle: string } | null> {
    const page = await visitor.get(`${site.origin}/me`);
    return (page.json() as { user: { id: string; handle: string } | null }).user;
  }

  async function expectFailure(
    visitor: Visitor,
    page: Page,
    code: MastodonErrorCode,
    details: { instance?: string; reason?: MastodonErrorReason | undefined } = {},
  ) {
    const shown = await visitor.follow(page);
    expect(shown.text).toContain(new MastodonError(code, details).message);
    expect(await whoIs(visitor)).toBeNull();
  }

  it('logs a visitor in, and recognises them from then on', async () => {
    const visitor = new Visitor();
    expect(await whoIs(visitor)).toBeNull();
    const page = await open(visitor, await comeBack(visitor));
    expect(page.status).toBe(200);
    const alice = {
      id: `${instance.origin}#${instance.account('alice').id}`,
      handle: `alice@${instance.host}`,
    };
    expect(await whoIs(visitor)).toEqual(alice);
    expect(await whoIs(new Visitor())).toBeNull();
  });

  it('brings the application’s state back', async () => {
    const visitor = new Visitor();
    const page = await open(visitor, await comeBack(visitor, {}, 'a page & "more"'));
    expect(new URL(page.url).searchParams.get('from')).toBe('a page & "more"');
  });

  it('shows a message to a visitor who pressed "deny"', async () => {
    const visitor = new Visitor();
    // Not alice, because the instance does not ask again after a consent.
    const page = await visitor.get(await comeBack(visitor, { as: 'bob', deny: true }));
    await expectFailure(visitor, page, 'access_denied', { instance: instance.host });
  });

  it.each([
    ['the first', [0, 1]],
    ['the second', [1, 0]],
  ])(
    'finishes %s login of two tabs, and does not log the visitor out by the other',
    async (_which, order) => {
      const visitor = new Visitor();
      const tabs = [await comeBack(visitor, {}, 'tab 0'), await comeBack(visitor, {}, 'tab 1')];
      for (const [turn, tab] of order.entries()) {
        const page = await open(visitor, tabs[tab] ?? '');
        // The second one has the session that the first login created.
        if (turn === 1 && isSessionReplaced) {
          expect(page.text).toContain(new MastodonError('login_expired').message);
        } else {
          expect(new URL(page.url).searchParams.get('from')).toBe(`tab ${tab}`);
        }
        expect((await whoIs(visitor))?.handle).toBe(`alice@${instance.host}`);
      }
    },
  );

  describe('refuses a callback, and sends no request,', () => {
    let visitor: Visitor;
    beforeEach(() => (visitor = new Visitor()));

    async function expectExpired(url: string): Promise<void> {
      const before = instance.requests.length;
      await expectFailure(visitor, await visitor.get(url), 'login_expired');
      expect(instance.requests).toHaveLength(before);
    }

    it('that was never begun', async () => {
      const state = 'x'.repeat(43);
      await expectExpired(
        `${site.origin}/auth/mastodon/callback/${instance.host}?code=forged&state=${state}`,
      );
    });

    it('whose state is made up, in a browser that did begin a login', async () => {
      const forged = new URL(await comeBack(visitor));
      forged.searchParams.set('state', 'x'.repeat(43));
      await expectExpired(forged.href);
    });

    it('of a login that another browser began', async () => {
      await comeBack(visitor);
      await expectExpired(await comeBack(new Visitor()));
    });

    it('that was used before', async () => {
      const callback = await comeBack(visitor);
      await open(visitor, callback);
      const before = instance.requests.length;
      const page = await open(visitor, callback);
      expect(page.text).toContain(new MastodonError('login_expired').message);
      expect(instance.requests).toHaveLength(before);
    });
  });

  for (const [what, form, code, reason] of garbage) {
    it(`refuses ${what} as an instance`, async () => {
      const visitor = new Visitor();
      const before = instance.requests.length;
      await expectFailure(visitor, await begin(visitor, form), code, { reason });
      expect(instance.requests).toHaveLength(before);
    });
  }

  it.each(['instance[]', 'instance[host]', 'instance[__proto__]', '__proto__[instance]'])(
    'refuses an instance that is no text: %s',
    async (field) => {
      // Some frameworks parse brackets and some do not.
      const refusal = /Type your server|not the address of a server/;
      const visitor = new Visitor();
      const inBody = await visitor.follow(await begin(visitor, { [field]: instance.host }));
      expect(inBody.text).toMatch(refusal);
      const start = `${site.origin}/auth/mastodon?${field}=${instance.host}`;
      const inQuery = await visitor.post(start, {}, { Origin: site.origin });
      expect((await visitor.follow(inQuery)).text).toMatch(refusal);
      expect(await whoIs(visitor)).toBeNull();
    },
  );

  it('reports that an instance cannot be reached', async () => {
    const visitor = new Visitor();
    const { host } = new URL(unreachable);
    const page = await begin(visitor, { instance: host });
    await expectFailure(visitor, page, 'instance_unreachable', { instance: host });
  });

  if (!isSessionOnServer) return;
  it('gives the browser a new session: the one from before the login is worthless', async () => {
    const visitor = new Visitor();
    const callback = await comeBack(visitor);
    const { host } = new URL(site.origin);
    const attacker = new Visitor();
    attacker.jars.set(host, new Map(visitor.jars.get(host)));
    expect(attacker.jars.get(host)?.size).toBeGreaterThan(0);
    await open(visitor, callback);
    expect(await whoIs(visitor)).not.toBeNull();
    expect(await whoIs(attacker)).toBeNull();
  });
}
