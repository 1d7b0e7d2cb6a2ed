/** Presses that the visitor did not intend, in Chromium: a page that has just appeared ignores them. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { closeAll, startBridge, type Client } from '../bridge/stage';
import { startInstance, type TestInstance } from '../../lib/testing';
import { inChromium, launch } from './chromium';

inChromium('presses that were not intended', () => {
  let browser: Browser;
  let attacker: Server;
  let instance: TestInstance;
  let client: Client;
  let url: string;
  let page: Page;
  /** Forms that were sent to the bridge. */
  let sent: number;
  /** The attacker's page. */
  let html: string;

  beforeAll(async () => {
    browser = await launch();
    attacker = createServer((_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(html);
    }).listen(0, '127.0.0.1');
    await once(attacker, 'listening');
  }, 180_000);
  afterAll(async () => {
    await browser.close();
    attacker.close();
    attacker.closeAllConnections();
  });
  beforeEach(async () => {
    instance = await startInstance({ accounts: ['ada'] });
    const bridge = await startBridge([], { developmentInstances: [instance.origin] });
    client = await bridge.connect();
    ({ url } = await client.request(instance.host));
  });
  afterEach(async () => {
    await page.context().close();
    await closeAll();
    await instance.close();
  });

  /** The page's clock stands still, so that no press is later than the test intends. */
  async function open(at: string): Promise<void> {
    page = await (await browser.newContext()).newPage();
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(1_000);
    sent = 0;
    page.on('request', (request) => (sent += Number(request.method() === 'POST' && request.url() === url)));
    await page.goto(at);
  }

  const button = () => page.getByRole('button', { name: 'The code is the same' });

  /** The position of the button, which an attacker can find out in advance. */
  async function middleOfTheButton(): Promise<{ x: number; y: number }> {
    const { x, y, width, height } = (await button().boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    return { x: x + width / 2, y: y + height / 2 };
  }

  /** Presses once, and returns the number of forms sent so far. */
  async function formsAfter(press: () => Promise<void>): Promise<number> {
    await press();
    // The page sends a form before it handles this, or together with it.
    await page.title().catch(() => undefined);
    return sent;
  }

  /** After a pause, a press is intended. */
  async function goOn(): Promise<void> {
    await page.clock.runFor(700);
    await button().click();
    await page.waitForURL(/oauth\/authorize/);
  }

  it.each(['a click', 'Enter'])(
    'the second half of a double press on a page of an attacker: %s',
    async (what) => {
      await open(url);
      const { x, y } = await middleOfTheButton();
      const press = async () => {
        if (what === 'Enter') await button().focus();
        await (what === 'Enter' ? page.keyboard.press('Enter') : page.mouse.click(x, y));
      };
      html = `<!doctype html><title>A game</title>
<style>body { margin: 0 } button { position: fixed; inset: 0; width: 100%; height: 100% }</style>
<button onclick="location = '${url}'" autofocus>Double click to win</button>`;
      await page.goto(`http://127.0.0.1:${(attacker.address() as AddressInfo).port}/`);
      // autofocus takes effect only with the page's first frame, which may come after this line.
      await page.getByRole('button').focus();
      await (what === 'Enter' ? page.keyboard.press('Enter') : page.mouse.click(x, y));
      await page.waitForURL(url);
      expect(await formsAfter(press)).toBe(0);
      // Further presses send no form either; each of them restarts the wait.
      for (let count = 0; count < 3; count++) {
        await page.clock.runFor(500);
        expect(await formsAfter(press)).toBe(0);
      }
      await goOn();
      expect(sent).toBe(1);
    },
  );

  it('a key that is held down', async () => {
    await open(url);
    await button().focus();
    await page.keyboard.down('Enter');
    await page.clock.runFor(2_000);
    expect(await button().isEnabled()).toBe(true);
    expect(await formsAfter(() => page.keyboard.down('Enter'))).toBe(0);
    await page.keyboard.up('Enter');
    await goOn();
  });

  it('a press while another window closes that covered the page', async () => {
    await open(url);
    const { x, y } = await middleOfTheButton();
    await page.clock.runFor(2_000);
    // Chromium's debugger keeps every window focused, so a test cannot remove the focus.
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    expect(await formsAfter(() => page.mouse.click(x, y))).toBe(0);
    await goOn();
  });

  it('a press on a page that comes back from the history', async () => {
    await open(url);
    const { x, y } = await middleOfTheButton();
    await goOn();
    await page.goBack();
    await button().waitFor();
    expect(await formsAfter(() => page.mouse.click(x, y))).toBe(1);
    await goOn();
  });

  it('keep the focus on the button', async () => {
    await open(url);
    await button().focus();
    await page.clock.runFor(700);
    await page.keyboard.press('Enter');
    await page.waitForURL(/oauth\/authorize/);
  });

  it('need a ticked box beside the button in a browser without scripts', async () => {
    page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(url);
    for (let press = 0; press < 3; press++) await button().click();
    expect(page.url()).toBe(url);
    expect(await page.getByText('Please tick the box').count()).toBe(0);
    await page.getByRole('checkbox', { name: 'I see the same code' }).check();
    await button().click();
    await page.waitForURL(/oauth\/authorize/);
  });
});
