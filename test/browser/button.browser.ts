/** The button as visitors meet it, in Chromium, on a page whose security policy allows nothing extra. */

import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { languageCodes, loginForm, messageFor, type LoginFormOptions } from '../../lib/button/form';
import { inChromium, launch } from './chromium';
import { buttonScript, startSite, type Site } from './site';

const servers = ['mastodon.social', 'mastodon.online', 'fosstodon.org', 'localhost:4000'];

inChromium('the button', () => {
  let browser: Browser;
  let site: Site;
  let page: Page;
  /** What the browser reports: violations of the page's Content-Security-Policy, and errors of scripts. */
  let complaints: string[];

  beforeAll(async () => {
    [browser, site] = await Promise.all([launch(), startSite()]);
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    site.close();
  });
  beforeEach(() => {
    site.html = 'lang="en"';
    site.head = buttonScript;
    site.css = '';
    site.body = form();
    site.sent.length = 0;
  });
  afterEach(async () => {
    const heard = complaints.filter((text) => !text.includes('favicon'));
    await page.context().close();
    expect(heard).toEqual([]);
  });

  const form = (options: Partial<LoginFormOptions> = {}) =>
    loginForm({ action: '/auth/mastodon', servers, ...options });

  async function open(options: BrowserContextOptions = {}, url = site.origin): Promise<void> {
    const context = await browser.newContext(options);
    page = await context.newPage();
    // Shorter than the timeout of the test, so that the failure says what the test waited for.
    page.setDefaultTimeout(20_000);
    complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 404/.test(message.text()))
        complaints.push(message.text());
    });
    // A name that is not on loopback, for the same site.
    await page.route('http://shop.example/**', async (route) => {
      const { pathname, search } = new URL(route.request().url());
      await route.fulfill({ response: await route.fetch({ url: `${site.origin}${pathname}${search}` }) });
    });
    await page.goto(url);
  }

  const field = (): Locator => page.locator('input[name=instance]');
  const button = (): Locator => page.locator('mastodon-login form button').last();
  const options = (): Locator => page.getByRole('option');
  const hint = (): Locator => page.locator('.mastodon-login-hint');
  const refusal = (): Locator => page.locator('.mastodon-login-error');
  const status = (): Locator => page.getByRole('status');

  /** A press by touch. Playwright's own click would wait for the next page, which the test holds back. */
  async function press(target = button()): Promise<void> {
    await target.scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await target.boundingBox())!;
    await page.mouse.click(x + width / 2, y + height / 2);
  }

  async function accessibilityFaults(): Promise<string[]> {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() =>
      (window as unknown as { axe: typeof axe }).axe.run(document),
    );
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  describe('without JavaScript', () => {
    it('is an ordinary form, with suggestions, that shows failures', async () => {
      site.body = form({
        failure: { code: 'instance_unreachable', instance: 'away.example' },
        value: 'away.example',
      });
      await open({ javaScriptEnabled: false });
      expect(await field().inputValue()).toBe('away.example');
      expect(await field().getAttribute('aria-invalid')).toBe('true');
      expect(await refusal().textContent()).toBe(
        messageFor('instance_unreachable', { instance: 'away.example' }),
      );
      expect(await page.locator('datalist option').count()).toBe(servers.length);
      await field().fill('mastodon.social');
      await page.keyboard.press('Enter');
      const login = await site.login();
      expect(login.fields.get('instance')).toBe('mastodon.social');
      login.goOn();
      await page.waitForURL('**/instance');
    });
  });

  describe('suggestions', () => {
    beforeEach(() => open());

    it('come while the visitor types, and one press on one logs in there', async () => {
      await field().pressSequentially('masto');
      expect(await options().allTextContents()).toEqual(['mastodon.social', 'mastodon.online']);
      await press(options().nth(1));
      const login = await site.login();
      login.stay();
      expect(login.fields.get('instance')).toBe('mastodon.online');
      expect(await options().count()).toBe(0);
    });

    it('are sent with the value of the site’s own button, and not while a field of the site is empty', async () => {
      site.body = `<mastodon-login servers="my.example"><form method="post" action="/auth/mastodon">
        <label>Server <input name="instance"></label><label><input type="checkbox" name="terms" required> Terms</label>
        <button name="action" value="login">Enter</button></form></mastodon-login>`;
      await page.reload();
      await field().pressSequentially('my');
      await press(options().first());
      expect(site.sent).toEqual([]);
      await page.getByLabel('Terms').check();
      await field().fill('m');
      await press(options().first());
      expect(Object.fromEntries((await site.login()).fields)).toEqual({
        instance: 'my.example',
        terms: 'on',
        action: 'login',
      });
    });

    it('can be used by the keyboard alone, from the field to the login', async () => {
      await page.keyboard.press('Tab');
      await page.keyboard.type('@alice@mas');
      expect(await field().getAttribute('aria-expanded')).toBe('true');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      const active = await field().getAttribute('aria-activedescendant');
      expect(await page.locator(`[id="${active}"]`).textContent()).toBe('@alice@mastodon.online');
      expect(await page.getByRole('option', { selected: true }).count()).toBe(1);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      expect((await site.login()).fields.get('instance')).toBe('@alice@mastodon.social');
    });

    it('close with Escape, and the typed text stays', async () => {
      await field().pressSequentially('mas');
      await field().press('ArrowDown');
      await field().press('Escape');
      expect(await field().getAttribute('aria-expanded')).toBe('false');
      expect(await field().getAttribute('aria-activedescendant')).toBeNull();
      expect(await field().inputValue()).toBe('mas');
      await field().press('ArrowUp');
      expect(await page.getByRole('option', { selected: true }).textContent()).toBe('mastodon.online');
    });

    it('do not open without a match, or at the button of an empty field', async () => {
      await field().pressSequentially('zzz');
      expect(await options().count()).toBe(0);
      await field().fill('');
      expect(await options().count()).toBe(0);
      await field().press('ArrowDown');
      expect(await options().count()).toBe(servers.length);
    });
  });

  describe('a known server', () => {
    beforeEach(() => open());
    const label = () => button().textContent();

    it('is named by the button, in the language of the page', async () => {
      expect(await label()).toBe(' Log in with Mastodon');
      await field().fill('@alice@fosstodon.org');
      expect(await label()).toBe(' Continue with fosstodon.org');
      await field().fill('unknown.example');
      expect(await label()).toBe(' Log in with Mastodon');
      await page.locator('mastodon-login').evaluate((element) => element.setAttribute('lang', 'de'));
      await field().fill('fosstodon.org');
      expect(await label()).toBe(' Weiter mit fosstodon.org');
    });

    it('completes the beginning of its name, and is sent', async () => {
      await field().fill('fosst');
      expect(await label()).toBe(' Continue with fosstodon.org');
      await page.keyboard.press('Enter');
      expect((await site.login()).fields.get('instance')).toBe('fosstodon.org');
    });

    it('corrects a misspelt name, with the user name as typed', async () => {
      await field().fill('@alice@mastodn');
      expect(await label()).toBe(' Continue with mastodon.social');
      await press();
      expect((await site.login()).fields.get('instance')).toBe('@alice@mastodon.social');
    });
  });

  describe('typed or pasted text', () => {
    beforeEach(() => open());

    it.each([
      ['@alice@example.social', 'example.social'],
      ['  https://Example.social/@alice  ', 'example.social'],
      ['\u2068alice@example.social\u2069', 'example.social'],
      ['localhost:4000', 'localhost:4000'],
    ])('%j is understood, and said to lead to %s', async (text, host) => {
      await field().fill(text);
      expect(await hint().textContent()).toBe(`You confirm at ${host}.`);
      await press();
      expect((await site.login()).fields.get('instance')).toBe(text);
    });

    it.each([
      ['', 'instance_missing'],
      ['alice', 'instance_invalid', 'name_without_dot'],
      ['@alice', 'instance_invalid', 'user_without_server'],
      ['not a server', 'instance_invalid'],
      ['192.168.0.1', 'instance_invalid'],
      ['ada@gmail.com', 'instance_invalid', 'email_address'],
      ['"><img src=x onerror=alert(1)>', 'instance_invalid'],
    ])('%j is refused beside the field, and nothing is sent', async (text, code, ...[reason]: string[]) => {
      await field().fill(text);
      await press();
      expect(await refusal().textContent()).toBe(messageFor(code, { reason }));
      expect(await field().getAttribute('aria-invalid')).toBe('true');
      const ids = (await field().getAttribute('aria-describedby'))?.split(' ') ?? [];
      expect(ids[0]).toBe(await refusal().getAttribute('id'));
      expect(site.sent).toEqual([]);
      await field().pressSequentially('x');
      expect(await refusal().count()).toBe(0);
      expect(await field().getAttribute('aria-invalid')).toBeNull();
    });
  });

  describe('a server on loopback', () => {
    beforeEach(() => (site.body = form({ servers: [] })));

    it('is accepted on a page that is on loopback itself', async () => {
      await open();
      await field().fill('@wren@localhost:4000');
      expect(await hint().textContent()).toBe('You confirm at localhost:4000.');
      await press();
      expect((await site.login()).fields.get('instance')).toBe('@wren@localhost:4000');
    });

    it('is refused on every other page', async () => {
      await open({}, 'http://shop.example/');
      await field().fill('localhost:4000');
      await press();
      expect(await refusal().textContent()).toBe(messageFor('instance_invalid'));
      expect(site.sent).toEqual([]);
    });
  });

  describe('a refusal of the site', () => {
    it.each([
      ['in the form', { code: 'timeout', instance: 'slow.example' }, ''],
      ['in the address', undefined, '?error=timeout&instance=slow.example'],
    ])(
      '%s is not contradicted by the hint, until another server is typed',
      async (_where, failure, query) => {
        site.body = form({ failure, value: 'slow.example' });
        await open({}, `${site.origin}/${query}`);
        expect(await refusal().textContent()).toBe(messageFor('timeout', { instance: 'slow.example' }));
        expect(await hint().textContent()).not.toContain('You confirm at');
        await field().fill('other.example');
        expect(await hint().textContent()).toBe('You confirm at other.example.');
      },
    );

    it('is shown beside the field, which has the focus', async () => {
      site.body = form({ failure: { code: 'timeout', instance: 'slow.example' }, value: 'slow.example' });
      await open();
      expect(await refusal().textContent()).toContain('slow.example took too long');
      expect(await field().evaluate((input) => document.activeElement === input)).toBe(true);
    });

    it('may come later in attributes, and is always text', async () => {
      await open();
      const hostile = '<img src=x onerror=alert(1)>';
      await page
        .locator('mastodon-login')
        .evaluate((element, text) => element.setAttribute('message', text), hostile);
      expect(await refusal().textContent()).toBe(hostile);
      expect(await page.locator('mastodon-login img').count()).toBe(0);
      await page
        .locator('mastodon-login')
        .evaluate((element) => element.setAttribute('error', 'access_denied'));
      expect(await refusal().textContent()).toBe(messageFor('access_denied'));
    });
  });

  describe('a slow server', () => {
    beforeEach(async () => {
      await open();
      await page.clock.install();
      await field().fill('slow.example');
    });

    it('shows at once that the login begins, and later that it still does, and sends one login only', async () => {
      await press();
      (await site.login()).stay();
      expect(await status().textContent()).toBe('Going to slow.example …');
      expect(await page.locator('form').getAttribute('aria-busy')).toBe('true');
      expect(await button().getAttribute('aria-disabled')).toBe('true');
      await press();
      await page.clock.fastForward(5_000);
      expect(await status().textContent()).toContain('slow.example is slow to answer');
      expect(site.sent).toEqual([]);
    });

    it('does not block the page for ever', async () => {
      await press();
      (await site.login()).stay();
      await page.clock.fastForward(31_000);
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
      await press();
      expect((await site.login()).fields.get('instance')).toBe('slow.example');
    });

    it('leaves a page that works when the visitor returns to it', async () => {
      await press();
      (await site.login()).goOn();
      await page.waitForURL('**/instance');
      await page.goBack();
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
      // Simulates a browser that keeps the whole page in its cache, which headless Chromium does not.
      await page.locator('mastodon-login').evaluate((element) => {
        (element as HTMLElement & { busy: boolean }).busy = true;
        window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      });
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
    });
  });

  describe('the last server', () => {
    const remembered = () => page.evaluate(() => localStorage.getItem('mastodon-login:server'));
    const typeAndPress = async (text: string) => {
      await field().fill(text);
      await press();
      return site.login();
    };

    async function logInAt(text: string): Promise<void> {
      (await typeAndPress(text)).goOn();
      await page.waitForURL('**/instance');
      await page.goto(site.origin);
    }

    it('is remembered as a host only, offered with one press, and can be forgotten', async () => {
      await open();
      await logInAt('@alice@my.example');
      expect(await field().inputValue()).toBe('my.example');
      expect(await hint().textContent()).toBe('Your server from last time.');
      expect(await button().textContent()).toBe(' Continue with my.example');
      expect(await options().count()).toBe(0);
      expect(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).not.toContain(
        'alice',
      );
      await page.getByRole('button', { name: 'Forget this server' }).click();
      expect(await field().inputValue()).toBe('');
      expect(await options().count()).toBe(0);
      expect(await status().textContent()).toBe('Server forgotten.');
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
      await page.reload();
      expect(await field().inputValue()).toBe('');
    });

    it('stays the one that worked when another one fails', async () => {
      await open();
      await logInAt('my.example');
      (await typeAndPress('@alice@typo.example')).fail(
        '/login?error=instance_unreachable&instance=typo.example',
      );
      await refusal().waitFor();
      expect(await remembered()).toBe('my.example');
      await page.goto(site.origin);
      expect(await field().inputValue()).toBe('my.example');
    });

    it('is not one whose login the visitor left with "Back" or a reload', async () => {
      await open();
      (await typeAndPress('left.example')).goOn();
      await page.waitForURL('**/instance');
      await page.goBack();
      await page.goto(site.origin);
      const answered = page.waitForEvent('requestfailed');
      (await typeAndPress('left.example')).stay();
      await answered;
      await page.reload();
      await page.goto(site.origin);
      expect(await remembered()).toBeNull();
    });

    it('is not one from which the site redirected the visitor straight back, without a reason', async () => {
      await open();
      const login = await typeAndPress('typo.example');
      const loaded = page.waitForEvent('load');
      login.fail('/');
      await loaded;
      await page.goto(site.origin);
      expect(await remembered()).toBeNull();
    });

    it('is not remembered if the site says so', async () => {
      site.body = form().replace('<mastodon-login', '<mastodon-login memory="off"');
      await open();
      await logInAt('my.example');
      expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
    });

    it('is ignored if the storage contains another value', async () => {
      await open();
      await page.evaluate(() =>
        localStorage.setItem('mastodon-login:server', '<img src=x onerror=alert(1)>'),
      );
      await page.reload();
      expect(await field().inputValue()).toBe('');
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
    });
  });

  describe('a failure', () => {
    const typed = '@alice@typo.example';
    const failure = { code: 'instance_unreachable', instance: 'typo.example' } as const;
    const sentence = messageFor(failure.code, failure)!;

    async function failWith(path: string): Promise<void> {
      await open();
      await field().fill(typed);
      await press();
      (await site.login()).fail(path);
      await refusal().waitFor();
    }

    it('is shown from the address, and the typed text stays', async () => {
      await failWith('/login?error=instance_unreachable&instance=typo.example');
      expect(await refusal().textContent()).toBe(sentence);
      expect(await field().inputValue()).toBe(typed);
      expect(await field().getAttribute('aria-invalid')).toBe('true');
    });

    it('is shown from an attribute, beside the typed text', async () => {
      site.body = form();
      await open();
      await field().fill(typed);
      await press();
      site.body =
        '<mastodon-login action="/auth/mastodon" error="instance_unreachable" instance="typo.example"></mastodon-login>';
      (await site.login()).fail('/login');
      await refusal().waitFor();
      expect([await refusal().textContent(), await field().inputValue()]).toEqual([sentence, typed]);
    });

    it('shows the site’s own sentence, if there is one, and the text that the site put into the field', async () => {
      site.body = `<mastodon-login><form method="post" action="/auth/mastodon"><label>Server <input name="instance" value="kept.example"></label>
        <p class="mastodon-login-error">Our own words</p><button>Enter</button></form></mastodon-login>`;
      await failWith('/login?error=timeout');
      expect(await refusal().allTextContents()).toEqual(['Our own words']);
      expect(await refusal().isVisible()).toBe(true);
      expect(await field().inputValue()).toBe('kept.example');
      await field().fill('not a server');
      await press();
      expect(await page.locator('.mastodon-login-error:visible').allTextContents()).toEqual([
        messageFor('instance_invalid'),
      ]);
    });

    it.each([
      ['?error=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E', undefined],
      ['?error=nonsense&message=Send+money+to+evil.example', undefined],
      ['?message=Send+money+to+evil.example', undefined],
      ['?error=__proto__', undefined],
      ['?error=timeout&instance=Call+555+now', messageFor('timeout')],
      ['?error=timeout&instance=%3Cb%3Eevil.example', messageFor('timeout')],
    ])('an address that another site has made up (%s) shows no text of that site', async (search, text) => {
      await open({}, `${site.origin}/login${search}`);
      expect(await refusal().allTextContents()).toEqual(text === undefined ? [] : [text]);
    });

    it('of another form on the page is not shown twice', async () => {
      site.body =
        form() +
        `<mastodon-login><form method="post" action="/auth/mastodon"><input type="hidden" name="instance" value="a.example"><button>Go</button></form></mastodon-login>`;
      await open({}, `${site.origin}/login?error=timeout&instance=a.example`);
      expect(await refusal().count()).toBe(1);
    });
  });

  describe('a property', () => {
    /** What a framework does with an element, as a function of the page. */
    const inPage = (change: (element: HTMLElement & Record<string, unknown>) => void) =>
      page.locator('mastodon-login').evaluate(change as (element: Element) => void);

    beforeEach(() => {
      site.body = '<mastodon-login action="/auth/mastodon" servers="first.example"></mastodon-login>';
    });

    const suggested = async () => {
      await field().fill('');
      await field().pressSequentially('e');
      return options().allTextContents();
    };

    it('accepts text, lists, undefined and false, and returns the attribute', async () => {
      await open();
      await inPage((element) => (element['servers'] = 'one.example two.example'));
      expect(await suggested()).toEqual(['one.example', 'two.example']);
      await inPage((element) => (element['servers'] = ['three.example', 'Four.example']));
      expect(await suggested()).toEqual(['three.example', 'four.example']);
      await inPage((element) => (element['servers'] = []));
      expect(await suggested()).toEqual([]);
      await inPage((element) => (element['servers'] = undefined));
      expect(await suggested()).toContain('hachyderm.io');
      await inPage((element) => (element['servers'] = null));
      expect(await suggested()).toContain('hachyderm.io');
      await inPage((element) => (element['servers'] = false));
      expect(await suggested()).toEqual([]);
      expect(await page.locator('mastodon-login').getAttribute('servers')).toBe('');
      await inPage((element) => (element['error'] = 'timeout'));
      expect(await refusal().textContent()).toBe(messageFor('timeout'));
      await inPage((element) => (element['error'] = null));
      expect(await refusal().count()).toBe(0);
      await inPage((element) => ((element['lang'] as unknown) = null));
      expect(await page.getByText(' Log in with Mastodon').count()).toBe(1);
    });

    it('may be set before the element is defined, in any order', async () => {
      site.head = '';
      await open();
      await inPage((element) => {
        element['message'] = 'From before';
        element['servers'] = ['early.example'];
        element['value'] = 'typed.example';
        element['lang'] = 'nl';
        element['action'] = '/auth/mastodon';
      });
      await page.evaluate("import('/button/mastodon-login.js')");
      await page.getByRole('button', { name: 'Inloggen met Mastodon' }).waitFor();
      expect(await refusal().textContent()).toBe('From before');
      expect(await field().inputValue()).toBe('typed.example');
      expect(await suggested()).toEqual(['early.example']);
      await inPage((element) => (element['message'] = undefined));
      expect(await refusal().count()).toBe(0);
    });

    it('may be set after the element has made its form, and keeps the typed text', async () => {
      site.body = '<mastodon-login></mastodon-login>';
      await open();
      expect(await page.locator('form').count()).toBe(0);
      await inPage((element) => (element['action'] = '/elsewhere'));
      await field().fill('my.example');
      await inPage((element) => {
        element['action'] = '/auth/mastodon';
        element['field'] = 'server';
        element['join'] = '';
      });
      const renamed = page.locator('input[name=server]');
      expect(await renamed.inputValue()).toBe('my.example');
      expect(await renamed.evaluate((input) => document.activeElement === input)).toBe(true);
      expect(await page.locator('form').count()).toBe(1);
      expect(await page.locator('.mastodon-login-join').count()).toBe(0);
      await press();
      expect((await site.login()).fields.get('server')).toBe('my.example');
    });
  });

  describe('on any page', () => {
    it('enhances a site’s own form, and keeps its texts', async () => {
      site.body = `<mastodon-login servers="my.example"><form method="post" action="/auth/mastodon">
        <label for="own">Fediverse</label><input id="own" name="instance"><button>Enter</button></form></mastodon-login>`;
      await open();
      await page.getByLabel('Fediverse').pressSequentially('my');
      expect(await options().allTextContents()).toEqual(['my.example']);
      expect(await page.getByRole('button', { name: 'Enter' }).count()).toBe(1);
      expect(await accessibilityFaults()).toEqual([]);
    });

    it('makes its own form if there is none, and can be moved and removed', async () => {
      site.body = '<mastodon-login action="/auth/mastodon" lang="de"></mastodon-login>';
      await open();
      expect(await page.getByRole('button', { name: 'Mit Mastodon anmelden' }).count()).toBe(1);
      await page.locator('mastodon-login').evaluate((element) => document.body.prepend(element));
      await field().pressSequentially('mas');
      expect(await page.getByRole('listbox').count()).toBe(1);
      await page.locator('mastodon-login').evaluate((element) => element.remove());
      expect(await page.locator('form').count()).toBe(0);
    });

    it('works on a second visit inside an app, and in a copy of the page that an app has kept', async () => {
      site.body = form({ value: 'kept.example' });
      await open();
      await field().fill('no server');
      await press();
      expect(await refusal().count()).toBe(1);
      await field().evaluate((input: HTMLInputElement) => (input.value = ''));
      await page.evaluate(() => {
        const element = document.querySelector('mastodon-login')!;
        const parent = element.parentElement!;
        (element as HTMLElement & { busy: boolean }).busy = true;
        const copy = element.cloneNode(true);
        element.remove();
        parent.append(element);
        element.remove();
        parent.append(copy);
      });
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
      expect(await refusal().count()).toBe(0);
      await field().pressSequentially('masto');
      expect(await page.getByRole('listbox').count()).toBe(1);
      expect(await page.locator('.mastodon-login-status').count()).toBe(1);
      expect(await hint().count()).toBe(1);
      expect(await page.locator('.mastodon-login-forget').count()).toBe(1);
      expect(await accessibilityFaults()).toEqual([]);
      await press(options().first());
      expect((await site.login()).fields.get('instance')).toBe('mastodon.social');
      expect(site.sent).toEqual([]);
    });

    it('enhances a form that the page adds later, and one that replaces it', async () => {
      site.body = '<mastodon-login servers="my.example"></mastodon-login>';
      await open();
      for (const field of ['first', 'second']) {
        await page.evaluate((id) => {
          const form = document.createElement('form');
          const input = form.appendChild(document.createElement('input'));
          Object.assign(input, { id, name: 'instance' });
          input.setAttribute('aria-label', 'Server');
          document.querySelector('mastodon-login')!.replaceChildren(form);
        }, field);
        await page.locator(`#${field}`).pressSequentially('my');
        expect(await options().allTextContents()).toEqual(['my.example']);
      }
    });

    it('leaves the parts of a framework in place, and shows its next message', async () => {
      site.body = `<mastodon-login><form method="post" action="/auth/mastodon"><label>Server <input name="instance"></label>
        <p class="mastodon-login-error">First message</p><button>Enter</button></form></mastodon-login>`;
      await open();
      await field().fill('x');
      expect(await refusal().isVisible()).toBe(false);
      await refusal().evaluate((element) => (element.firstChild!.nodeValue = 'Next message'));
      expect(await page.locator('.mastodon-login-error:visible').allTextContents()).toEqual(['Next message']);
      await field().fill('');
      await press();
      await refusal()
        .first()
        .evaluate((element) => (element.firstChild!.nodeValue = 'Last message'));
      expect(await page.locator('.mastodon-login-error:visible').allTextContents()).toEqual(['Last message']);
    });

    it('keeps the keyboards of phones from correcting the name of a server', async () => {
      site.body = `<mastodon-login><form><label>Server <input name="instance" inputmode="url"></label></form></mastodon-login>`;
      await open();
      const of = (name: string) => field().getAttribute(name);
      expect([await of('autocapitalize'), await of('autocorrect'), await of('spellcheck')]).toEqual([
        'off',
        'off',
        'false',
      ]);
      expect(await of('inputmode')).toBe('url');
    });

    it('does not submit if the page submits the form itself', async () => {
      await open();
      await page.evaluate(() => document.addEventListener('submit', (event) => event.preventDefault()));
      await field().fill('my.example');
      await press();
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
    });

    it('is on pages whose Content-Security-Policy reports violations', async () => {
      await open();
      await page.evaluate(() => document.body.setAttribute('style', 'color: red'));
      await page.evaluate(() => {
        try {
          document.body.innerHTML = 'x';
        } catch {
          // The event is also written to the console, which this test looks at.
        }
      });
      expect(complaints.join('\n')).toMatch(/style/);
      expect(complaints.join('\n')).toMatch(/Trusted/i);
      complaints = [];
    });
  });

  describe('the colours', () => {
    const contrasts = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((element) => {
          const { color, backgroundColor } = getComputedStyle(element);
          const canvas = document.createElement('canvas').getContext('2d')!;
          const luminance = (text: string) => {
            canvas.fillStyle = text;
            canvas.fillRect(0, 0, 1, 1);
            const [r = 0, g = 0, b = 0] = [...canvas.getImageData(0, 0, 1, 1).data].map((channel) => {
              const value = channel / 255;
              return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const [low = 0, high = 0] = [luminance(color), luminance(backgroundColor)].sort((a, b) => a - b);
          return (high + 0.05) / (low + 0.05);
        });

    it.each(['#ffe100', '#00e5ff', '#777777', '#b00020', '#111111', 'oklch(0.7 0.2 140)'])(
      'of text on the accent %s are black or white, with enough contrast',
      async (accent) => {
        site.css = `mastodon-login { --mastodon-login-accent: ${accent}; }`;
        await open();
        expect(await contrasts('mastodon-login form button:not([type])')).toBeGreaterThanOrEqual(4.5);
      },
    );

    it('fit a dark page that does not declare its color-scheme', async () => {
      site.css =
        ':root { color-scheme: only light !important } body, main { background: #101014; color: #e8e8ee }';
      site.body = form({ failure: { code: 'timeout', instance: 'slow.example' } });
      await open({ colorScheme: 'light' });
      expect(await accessibilityFaults()).toEqual([]);
      await field().pressSequentially('mas');
      await field().press('ArrowDown');
      expect(await accessibilityFaults()).toEqual([]);
    });

    it('and the width stay sensible on a wide page', async () => {
      site.css = 'main { max-width: none }';
      await open({ viewport: { width: 1600, height: 900 } });
      expect((await button().boundingBox())?.width).toBeLessThanOrEqual(480);
    });
  });

  describe.each(languageCodes)('in %s', (lang) => {
    it('has all texts, the right direction, and no accessibility fault', async () => {
      site.html = `lang="${lang}" dir="${lang === 'ar' ? 'rtl' : 'ltr'}"`;
      site.body = form({ lang, failure: { code: 'timeout', instance: 'slow.example' } });
      await open({ colorScheme: 'light' });
      expect(await refusal().textContent()).toBe(messageFor('timeout', { lang, instance: 'slow.example' }));
      expect(await field().evaluate((input) => getComputedStyle(input.closest('form')!).direction)).toBe(
        lang === 'ar' ? 'rtl' : 'ltr',
      );
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      expect(await accessibilityFaults()).toEqual([]);
    });
  });

  describe.each(['light', 'dark'] as const)('with %s colours', (colorScheme) => {
    it('is accessible in every state, also on a phone', async () => {
      site.body = form({ failure: { code: 'timeout', instance: 'slow.example' } });
      await open({ colorScheme, viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true });
      expect(await accessibilityFaults()).toEqual([]);
      await field().pressSequentially('mas');
      await field().press('ArrowDown');
      expect(await accessibilityFaults()).toEqual([]);
      const { x, y } = (await options().nth(1).boundingBox())!;
      await page.touchscreen.tap(x + 5, y + 5);
      (await site.login()).stay();
      expect(await field().inputValue()).toBe('mastodon.online');
      expect(await page.locator('form').getAttribute('aria-busy')).toBe('true');
      expect(await accessibilityFaults()).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      const box = await button().boundingBox();
      expect(box?.height).toBeGreaterThanOrEqual(44);
    });
  });
});
