/** Logins across several origins in Chromium: page policies allow the redirects, and a popup can reach its opener. */

import { createServer, type RequestListener, type Server } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { startInstance, type TestInstance } from '../../lib/testing';
import { anIssuer, ask, discover, shop, type IssuerStage } from '../issuer/stage';
import { listenLocally } from '../support/free-port';
import { inChromium, launch } from './chromium';

inChromium('a login across origins', () => {
  let browser: Browser;
  let page: Page;
  let instance: TestInstance;
  let stage: IssuerStage;
  const servers: Server[] = [];
  let app: string;
  let redirectURI: string;
  let complaints: string[];

  async function serve(name: string, answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    servers.push(server);
    return `http://${name}.localhost:${await listenLocally(server)}`;
  }

  beforeAll(async () => {
    browser = await launch();
    app = await serve('app', (_req, res) => {
      const html = '<!doctype html><title>App</title><h1>Welcome to the app</h1>';
      res.writeHead(200, { 'Content-Type': 'text/html' }).end(html);
    });
    // Like a development server or a load balancer.
    const client = await serve('client', ({ url = '' }, res) => {
      res.writeHead(302, { Location: app + url }).end();
    });
    redirectURI = `${client}/callback`;
  }, 180_000);
  afterAll(async () => {
    await browser.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });
  beforeEach(async () => {
    instance = await startInstance();
    stage = await anIssuer([], {
      developmentInstances: [instance.origin],
      clients: [{ ...shop, redirect_uris: [redirectURI] }],
    });
    page = await (await browser.newContext()).newPage();
    complaints = [];
    page.context().on('console', (message) => {
      if (/security policy|opener/i.test(message.text())) complaints.push(message.text());
    });
  });
  afterEach(async () => {
    await page.context().close();
    await instance.close();
    expect(complaints).toEqual([]);
  });

  async function logIn(at: Page): Promise<void> {
    await at.getByLabel(/Where does your account live/).fill(instance.host);
    await at.getByRole('button', { name: 'Log in' }).click();
    await at.getByRole('button', { name: 'Allow' }).click();
    await at.getByText('Welcome to the app').waitFor();
  }

  it('goes from the issuer to the instance, and back to a client that redirects on', async () => {
    const { url } = await ask(await discover(stage), { redirect_uri: redirectURI });
    await page.goto(String(url));
    await logIn(page);
    expect(page.url()).toMatch(new RegExp(`^${app}/callback\\?code=`));
    // "Continue as" leads to the same place, without the instance.
    await page.goto(
      String((await ask(await discover(stage), { redirect_uri: redirectURI, prompt: 'select_account' })).url),
    );
    await page.getByRole('button', { name: /^Continue as @wren@localhost/ }).click();
    await page.getByText('Welcome to the app').waitFor();
    await page.goto(
      String((await ask(await discover(stage), { redirect_uri: redirectURI, prompt: 'select_account' })).url),
    );
    await page.getByRole('button', { name: /^Cancel/ }).click();
    await page.getByText('Welcome to the app').waitFor();
    expect(page.url()).toContain('error=access_denied');
  });

  it('runs in a popup that its opener can still reach', async () => {
    const { url } = await ask(await discover(stage), { redirect_uri: redirectURI });
    await page.goto(app);
    const opened = page.waitForEvent('popup');
    await page.evaluate(
      (address) => void Object.assign(window, { popup: window.open(address) }),
      String(url),
    );
    const popup = await opened;
    await logIn(popup);
    // Like oidc-client-ts: at its end the popup sends a message to its opener.
    await popup.evaluate(() => (window.opener as Window).postMessage('done', location.origin));
    expect(await page.evaluate(() => (window as unknown as { popup: Window }).popup.closed)).toBe(false);
  });

  it('shows no page of the issuer in a frame', async () => {
    const { url } = await ask(await discover(stage), { redirect_uri: redirectURI });
    await page.goto(app);
    await page.evaluate((address) => {
      const frame = document.createElement('iframe');
      frame.src = address;
      document.body.append(frame);
    }, String(url));
    await expect(async () => {
      const frame = page.frames()[1];
      await frame?.getByLabel(/Where does your account live/).waitFor({ timeout: 2_000 });
    }).rejects.toThrow();
    // Chromium says why.
    expect(complaints.splice(0).join()).toContain('frame-ancestors');
  });
});
