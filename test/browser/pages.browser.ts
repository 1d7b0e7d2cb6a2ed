/** The project's own pages in Chromium under their own policies: the example site, and the bridge's confirmation. */

import axe from 'axe-core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { closeAll, startBridge } from '../bridge/stage';
import { startExample, type Running } from '../example/running';
import { startInstance } from '../../lib/testing';
import { inChromium, launch } from './chromium';

inChromium('the project’s own pages', () => {
  let browser: Browser;
  let page: Page;
  /** What the browser reports: violations of the page's Content-Security-Policy, and errors of scripts. */
  let complaints: string[];

  beforeAll(async () => void (browser = await launch()), 60_000);
  afterAll(() => browser.close());
  afterEach(async () => {
    await page.context().close();
    expect(complaints).toEqual([]);
  });

  async function open(url: string, options: BrowserContextOptions = {}): Promise<void> {
    page = await (await browser.newContext(options)).newPage();
    complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      const isOurs = message.type() === 'error' && !/status of 404/.test(message.text());
      if (isOurs) complaints.push(message.text());
    });
    await page.goto(url);
  }

  /** The next form gets no response yet, like at a site that is still working. */
  async function holdForms(): Promise<void> {
    await page.route('**/*', (route) =>
      route.request().method() === 'POST' ? route.fulfill({ status: 204 }) : route.continue(),
    );
  }

  async function faults(): Promise<string[]> {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() =>
      (window as unknown as { axe: typeof axe }).axe.run(document),
    );
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  const status = () => page.getByRole('status');

  describe('the example site', () => {
    let folder: string;
    let example: Running;
    let demo: string;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'example-'));
      example = await startExample({ DATA_DIR: folder });
      demo = new URL(example.demo ?? '').host;
    });
    afterAll(async () => {
      await example.kill();
      rmSync(folder, { recursive: true, force: true });
    });

    it('suggests the demonstration, names the target of the button, and logs in', async () => {
      await open(example.site);
      const field = page.getByLabel('Your server or handle');
      await field.pressSequentially('localh');
      expect(await page.locator('.mastodon-login-hint').textContent()).toBe(`You confirm at ${demo}.`);
      await page.getByRole('button', { name: `Continue with ${demo}` }).waitFor();
      await page.getByRole('option', { name: demo }).click();
      await page.waitForURL(/oauth\/authorize/);
      await page.getByRole('button').first().click();
      await page.getByText('You are logged in as').waitFor();
    });

    it('shows the failure beside the field, on this page and on the next', async () => {
      await open(example.site);
      const field = page.getByLabel('Your server or handle');
      await field.fill('gardenclub');
      await field.press('Enter');
      expect(await page.getByRole('alert').textContent()).toContain('not the whole address of a server');
      await field.fill('no-such-server.invalid');
      await field.press('Enter');
      await page.getByText('We could not reach no-such-server.invalid').waitFor();
      expect(await field.getAttribute('aria-invalid')).toBe('true');
      expect(await faults()).toEqual([]);
    });

    it('shows that the shortcut to the demonstration was pressed, without typed text', async () => {
      await open(example.site);
      await holdForms();
      await page.getByRole('button', { name: 'Log in at the demonstration' }).click();
      await page.getByText(`Going to ${demo} …`).waitFor();
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
    });

    it.each([
      ['light', false],
      ['dark', false],
      ['light', true],
      ['dark', true],
    ] as const)('is accessible in %s colours, on a phone: %s', async (colorScheme, isMobile) => {
      const viewport = isMobile ? { width: 320, height: 568 } : { width: 1200, height: 800 };
      await open(example.site, { colorScheme, viewport, isMobile });
      expect(await faults()).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    });
  });

  describe("the bridge's page", () => {
    let url: string;
    let host: string;
    let close: () => Promise<void>;
    beforeEach(async () => {
      const instance = await startInstance({ accounts: ['ada'] });
      ({ host } = instance);
      const bridge = await startBridge([], { developmentInstances: [instance.origin] });
      ({ url } = await (await bridge.connect()).request(host));
      close = async () => {
        await closeAll();
        await instance.close();
      };
    });
    afterEach(() => close());

    it('shows at once that the button was pressed, and sends one login only', async () => {
      await open(url);
      await holdForms();
      const button = page.getByRole('button', { name: 'The code is the same' });
      await button.click();
      await page.getByText(`Going to ${host} …`).waitFor();
      expect(await button.getAttribute('aria-disabled')).toBe('true');
      expect(await faults()).toEqual([]);
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
    });

    it.each([true, false])(
      'leads to the instance and back, with JavaScript: %s',
      async (javaScriptEnabled) => {
        await open(url, { javaScriptEnabled });
        if (!javaScriptEnabled) await page.getByRole('checkbox').check();
        await page.getByRole('button', { name: 'The code is the same' }).click();
        await page.waitForURL(/oauth\/authorize/);
        await page.getByRole('button').first().click();
        await page.getByText('You may close this window').waitFor();
        expect(await status().count()).toBe(0);
      },
    );

    it.each(['light', 'dark'] as const)('is accessible in %s colours, on a phone', async (colorScheme) => {
      await open(url, { colorScheme, viewport: { width: 320, height: 568 }, isMobile: true });
      expect(await faults()).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    });
  });
});
