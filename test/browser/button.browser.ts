/** The button as visitors meet it, in Chromium, on a page whose security policy allows nothing extra. */

import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { languageCodes, loginForm, messageFor, type LoginFormOptions } from '../../lib/button/form';
import { inChromium, launch } from './chromium';
import { startSite, type Site } from './site';

const servers = ['mastodon.social', 'mastodon.online', 'fosstodon.org', 'localhost:4000'];

inChromium('the button', () => {
  let browser: Browser;
  let site: Site;
  let page: Page;
  /** Whatever the browser complained about: the page's policy, or an error of the script. */
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

  async function open(options: BrowserContextOptions = {}): Promise<void> {
    const context = await browser.newContext(options);
    page = await context.newPage();
    complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 404/.test(message.text()))
        complaints.push(message.text());
    });
    await page.goto(site.origin);
  }

  const field = (): Locator => page.locator('input[name=instance]');
  const button = (): Locator => page.locator('mastodon-login form button').last();
  const options = (): Locator => page.getByRole('option');
  const hint = (): Locator => page.locator('.mastodon-login-hint');
  const refusal = (): Locator => page.locator('.mastodon-login-error');
  const status = (): Locator => page.getByRole('status');

  /** As a finger does; Playwright's own click would wait for the page that comes, and that is what is held back here. */
  async function press(): Promise<void> {
    await button().scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await button().boundingBox())!;
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
    it('is an ordinary form, with suggestions, that tells what went wrong', async () => {
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

    it('come while one types, and one click takes one', async () => {
      await field().pressSequentially('masto');
      expect(await options().allTextContents()).toEqual(['mastodon.social', 'mastodon.online']);
      await options().nth(1).click();
      expect(await field().inputValue()).toBe('mastodon.online');
      expect(await options().count()).toBe(0);
      expect(await hint().textContent()).toContain('mastodon.online');
      expect(await field().evaluate((input) => document.activeElement === input)).toBe(true);
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
      expect(await field().inputValue()).toBe('@alice@mastodon.social');
      expect(site.sent).toEqual([]);
      await page.keyboard.press('Enter');
      expect((await site.login()).fields.get('instance')).toBe('@alice@mastodon.social');
    });

    it('go away by Escape, and the typed text stays', async () => {
      await field().pressSequentially('mas');
      await field().press('ArrowDown');
      await field().press('Escape');
      expect(await field().getAttribute('aria-expanded')).toBe('false');
      expect(await field().getAttribute('aria-activedescendant')).toBeNull();
      expect(await field().inputValue()).toBe('mas');
      await field().press('ArrowUp');
      expect(await page.getByRole('option', { selected: true }).textContent()).toBe('mastodon.online');
    });

    it('stay away where nothing fits', async () => {
      await field().pressSequentially('zzz');
      expect(await options().count()).toBe(0);
    });
  });

  describe('what is typed or pasted', () => {
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
      ['127.0.0.1', 'instance_invalid'],
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

  describe('a refusal of the site', () => {
    it('stands beside the field, which has the focus', async () => {
      site.body = form({ failure: { code: 'timeout', instance: 'slow.example' }, value: 'slow.example' });
      await open();
      expect(await refusal().textContent()).toContain('slow.example took too long');
      expect(await field().evaluate((input) => document.activeElement === input)).toBe(true);
    });

    it('may come by attributes later, and is text whatever it says', async () => {
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

    it('shows at once that something happens, later that it still does, and sends one login only', async () => {
      await press();
      (await site.login()).stay();
      expect(await status().textContent()).toBe('Going to slow.example …');
      expect(await page.locator('form').getAttribute('aria-busy')).toBe('true');
      expect(await button().getAttribute('aria-disabled')).toBe('true');
      await press();
      await page.clock.fastForward(5_000);
      expect(await status().textContent()).toContain('slow.example is taking its time');
      expect(site.sent).toEqual([]);
    });

    it('does not lock the page for ever', async () => {
      await press();
      (await site.login()).stay();
      await page.clock.fastForward(31_000);
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
      await press();
      expect((await site.login()).fields.get('instance')).toBe('slow.example');
    });

    it('leaves a page that works when the visitor comes back to it', async () => {
      await press();
      (await site.login()).goOn();
      await page.waitForURL('**/instance');
      await page.goBack();
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
      // As it is where the browser keeps the whole page: headless Chromium does not.
      await page.locator('mastodon-login').evaluate((element) => {
        (element as HTMLElement & { busy: boolean }).busy = true;
        window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      });
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
    });
  });

  describe('the last server', () => {
    async function logInAt(host: string): Promise<void> {
      await field().fill(host);
      await press();
      (await site.login()).goOn();
      await page.waitForURL('**/instance');
      await page.goto(site.origin);
    }

    it('is remembered by its host alone, and can be forgotten', async () => {
      await open();
      await logInAt('@alice@my.example');
      expect(await field().inputValue()).toBe('my.example');
      expect(await hint().textContent()).toBe('Your server from last time.');
      expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('alice');
      await page.getByRole('button', { name: 'Forget it' }).click();
      expect(await field().inputValue()).toBe('');
      expect(await status().textContent()).toBe('Forgotten.');
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
      await page.reload();
      expect(await field().inputValue()).toBe('');
    });

    it('is not remembered when it was refused, nor where the site says so', async () => {
      await open();
      await field().fill('typo.example');
      await press();
      await site.login();
      site.body = form({
        value: 'typo.example',
        failure: { code: 'instance_unreachable', instance: 'typo.example' },
      });
      await page.goto(site.origin);
      site.body = form();
      await page.goto(site.origin);
      expect(await field().inputValue()).toBe('');
      site.body = form().replace('<mastodon-login', '<mastodon-login memory="off"');
      await page.goto(site.origin);
      await logInAt('my.example');
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
    });

    it('is no server when something else stands in its place', async () => {
      await open();
      await page.evaluate(() =>
        localStorage.setItem('mastodon-login:server', '<img src=x onerror=alert(1)>'),
      );
      await page.reload();
      expect(await field().inputValue()).toBe('');
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
    });
  });

  describe('on any page', () => {
    it("helps with a site's own form, and leaves its words alone", async () => {
      site.body = `<mastodon-login servers="my.example"><form method="post" action="/auth/mastodon">
        <label for="own">Fediverse</label><input id="own" name="instance"><button>Enter</button></form></mastodon-login>`;
      await open();
      await page.getByLabel('Fediverse').pressSequentially('my');
      expect(await options().allTextContents()).toEqual(['my.example']);
      expect(await page.getByRole('button', { name: 'Enter' }).count()).toBe(1);
      expect(await accessibilityFaults()).toEqual([]);
    });

    it('makes its own form where there is none, and can be moved and removed', async () => {
      site.body = '<mastodon-login action="/auth/mastodon" lang="de"></mastodon-login>';
      await open();
      expect(await page.getByRole('button', { name: 'Mit Mastodon anmelden' }).count()).toBe(1);
      await page.locator('mastodon-login').evaluate((element) => document.body.prepend(element));
      await field().pressSequentially('mas');
      expect(await page.getByRole('listbox').count()).toBe(1);
      await page.locator('mastodon-login').evaluate((element) => element.remove());
      expect(await page.locator('form').count()).toBe(0);
    });

    it('leaves the sending to a page that does it itself', async () => {
      await open();
      await page.evaluate(() => document.addEventListener('submit', (event) => event.preventDefault()));
      await field().fill('my.example');
      await press();
      expect(await page.locator('form').getAttribute('aria-busy')).toBeNull();
    });

    it('would be heard if it broke the policy of the page', async () => {
      await open();
      await page.evaluate(() => document.body.setAttribute('style', 'color: red'));
      await page.evaluate(() => {
        try {
          document.body.innerHTML = 'x';
        } catch {
          // Also told on the console, which is what this test is about.
        }
      });
      expect(complaints.join('\n')).toMatch(/style/);
      expect(complaints.join('\n')).toMatch(/Trusted/i);
      complaints = [];
    });
  });

  describe.each(languageCodes)('in %s', (lang) => {
    it('says everything, runs the right way and is accessible', async () => {
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
      await options().nth(1).tap();
      expect(await field().inputValue()).toBe('mastodon.online');
      await page.locator('mastodon-login').evaluate((element) => {
        (element as HTMLElement & { busy: boolean }).busy = true;
      });
      expect(await accessibilityFaults()).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      const box = await button().boundingBox();
      expect(box?.height).toBeGreaterThanOrEqual(44);
    });
  });
});
