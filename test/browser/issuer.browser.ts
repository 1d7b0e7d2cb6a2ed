/** The issuer's pages in Chromium: by sight, by screen reader, by keyboard alone, and without JavaScript. */

import { createServer, type Server } from 'node:http';
import axe from 'axe-core';
import * as openid from 'openid-client';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { anIssuer, ask, discover, shop, television, type IssuerStage } from '../issuer/stage';
import { listenLocally } from '../support/free-port';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { inChromium, launch } from './chromium';

const native = {
  client_id: 'native',
  client_name: 'An App',
  token_endpoint_auth_method: 'none',
  application_type: 'native',
  redirect_uris: ['com.example.app:/callback'],
};

const looks: [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light', viewport: { width: 1280, height: 800 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 800 } }],
  ['on a phone', { colorScheme: 'light', viewport: { width: 320, height: 640 }, hasTouch: true }],
  ['on a phone in the dark', { colorScheme: 'dark', viewport: { width: 320, height: 640 } }],
];

inChromium("the issuer's pages", () => {
  let browser: Browser;
  let client: Server;
  let redirectURI: string;
  let instance: StandIn;
  let stage: IssuerStage;
  let page: Page;
  /** What the browser reports: mostly violations of the page's Content-Security-Policy. */
  let complaints: string[];

  beforeAll(async () => {
    browser = await launch();
    client = createServer((_req, res) => void res.end('the client'));
    redirectURI = `http://client.localhost:${await listenLocally(client)}/callback`;
  }, 180_000);
  afterAll(async () => {
    await browser.close();
    client.close();
    client.closeAllConnections();
  });
  beforeEach(async () => {
    instance = await anInstance();
    stage = await anIssuer([instance], {
      clients: [{ ...shop, redirect_uris: [redirectURI] }, native, television],
    });
    complaints = [];
  });
  afterEach(async () => {
    await page.context().close();
    expect(complaints).toEqual([]);
  });

  async function open(url: URL | string, options: BrowserContextOptions = {}): Promise<void> {
    const context = await browser.newContext(options);
    page = await context.newPage();
    page.on('console', (message) => {
      if (/security policy/i.test(message.text())) complaints.push(message.text());
    });
    await page.goto(String(url));
  }

  async function asked(params: Record<string, string> = {}) {
    return ask(await discover(stage), { redirect_uri: redirectURI, ...params });
  }

  async function device() {
    const config = await discover(stage, television);
    return openid.initiateDeviceAuthorization(config, { scope: 'openid' });
  }

  /** The violations of an accessibility checker, and whether any element overflows the page. */
  async function faults(): Promise<string[]> {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() =>
      (window as unknown as { axe: typeof axe }).axe.run(document),
    );
    const isTooWide = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    return isTooWide ? [...found, 'wider than the window'] : found;
  }

  const button = (name: string | RegExp) => page.getByRole('button', { name });
  const heading = () => page.getByRole('heading', { level: 1 }).textContent();

  /** Buttons work a moment after the page has appeared. */
  async function active(): Promise<void> {
    await page.waitForFunction(() => document.querySelector('button[aria-disabled]') === null);
  }

  /** At the instance: signs in if asked, and consents. */
  async function agree(): Promise<void> {
    const name = page.locator('input[name=username]');
    if ((await name.count()) > 0) {
      await name.fill('alice');
      await page.locator('input[name=password]').fill('password');
      await page.locator('form button, form input[type=submit]').first().click();
    }
    if (page.url().startsWith(instance.origin)) {
      await page.locator('form button, form input[type=submit]').first().click();
    }
  }

  it.each(looks)(
    'are accessible, and fit into the window: %s',
    async (_name, look) => {
      const { url } = await asked();
      await open(url, look);
      expect([await heading(), await faults()]).toEqual(['Log in to The Shop', []]);
      await page.getByLabel(/Where does your account live/).fill('no such server');
      await button('Log in').click();
      expect(await page.getByRole('alert').textContent()).toContain('not the address of a server');
      expect(await faults()).toEqual([]);
      await page.getByLabel(/Where does your account live/).fill(instance.host);
      await button('Log in').click();
      await agree();
      await page.waitForURL(`${redirectURI}*`);

      await page.goto(String((await asked({ prompt: 'select_account' })).url));
      await button(/^Continue as @alice/).waitFor();
      expect(await faults()).toEqual([]);

      const { verification_uri_complete: uri = '', verification_uri: plain } = await device();
      await page.goto(plain);
      await page.getByLabel(/code/).fill('BBBB-BBBB');
      await button('Go on').click();
      expect(await page.getByRole('alert').textContent()).toContain('There is no such code');
      expect(await faults()).toEqual([]);
      await page.goto(uri);
      expect(await faults()).toEqual([]);
      await button('Go on').click();
      await button(/The code is the same/).waitFor();
      expect(await faults()).toEqual([]);
      await button(/The code is the same/).click();
      await button(/^Continue as @alice/).click();
      expect([await heading(), await faults()]).toEqual(['You may close this window', []]);

      await page.goto(`${stage.issuerURL}/logout`);
      expect(await faults()).toEqual([]);
      await button('Log out here, too').click();
      expect([await heading(), await faults()]).toEqual(['You are logged out', []]);
      await page.goto(`${stage.issuerURL}/login/unknown`);
      expect([await heading(), await faults()]).toEqual(['This login is not valid any more', []]);
      await page.goto(`${stage.issuerURL}/authorize?client_id=unknown`);
      expect([await heading(), await faults()]).toEqual(['This login cannot go on', []]);
    },
    60_000,
  );

  it('can be used with the keyboard alone: the focus starts in the field, and Enter logs in', async () => {
    const { url, config, checks } = await asked();
    await open(url);
    await page.keyboard.type(instance.host);
    await active();
    await page.keyboard.press('Enter');
    await page.waitForURL(`${instance.origin}/**`);
    await agree();
    await page.waitForURL(`${redirectURI}*`);
    const tokens = await openid.authorizationCodeGrant(config, new URL(page.url()), checks);
    expect(tokens.claims()?.nickname).toBe('alice');
    // For a logged-in user the button to continue comes first, before the field.
    await page.goto(String((await asked({ prompt: 'select_account' })).url));
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toMatch(/^Continue as @alice/);
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').getAttribute('name')).toBe('instance');
    await page.keyboard.press('Shift+Tab');
    await active();
    await page.keyboard.press('Enter');
    await page.waitForURL(`${redirectURI}*`);
  });

  it('need no JavaScript, from the first page to the login on the device', async () => {
    const { verification_uri_complete: uri = '', ...codes } = await device();
    await open(uri, { javaScriptEnabled: false });
    expect(await page.locator('#user_code').inputValue()).toBe(codes.user_code);
    await button('Go on').click();
    await button(/The code is the same/).click();
    await page.locator('#instance').fill(instance.host);
    // Any visitor may use a device without scripts. A checkbox replaces the short wait.
    await page.getByRole('checkbox').check();
    await button('Log in').click();
    await agree();
    expect(await heading()).toBe('You may close this window');
    const config = await discover(stage, television);
    const answer = { ...codes, verification_uri_complete: uri, interval: 0.01 };
    const tokens = await openid.pollDeviceAuthorizationGrant(config, answer);
    expect(tokens.claims()?.nickname).toBe('alice');
  });

  it('redirect to an app by its scheme', async () => {
    const config = await discover(stage, native);
    const { url } = await ask(config, { redirect_uri: 'com.example.app:/callback' });
    await open(url);
    const left = page.waitForResponse(
      (answer) => answer.headers()['location']?.startsWith('com.example') === true,
    );
    await button(/^Cancel/).click();
    expect((await left).headers()['location']).toMatch(/^com\.example\.app:\/callback\?error=access_denied/);
  });
});
