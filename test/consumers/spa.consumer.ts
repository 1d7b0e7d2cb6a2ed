/**
 * A page with oidc-client-ts in Chromium, as in docs/issuer-clients.md. Page, issuer and instance have separate
 * origins.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { parse } from 'yaml';
import { inChromium, launch } from '../browser/chromium';
import { blockOf } from '../docs/pages';
import { anIssuer, type IssuerStage } from '../issuer/stage';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';

const recipe = (holding: string) =>
  blockOf('docs/issuer-clients.md', 'test/consumers/spa.consumer.ts', holding);
const packaged = (path: string) => readFileSync(join(__dirname, 'node_modules', path), 'utf8');

const html = `<!doctype html><title>An app</title>
<script type="importmap">
  { "imports": { "oidc-client-ts": "/oidc-client-ts.js", "jwt-decode": "/jwt-decode.js" } }
</script>
<button id="redirect">Log in</button>
<button id="popup">Log in in a popup</button>
<button id="silent">Stay logged in</button>
<button id="out">Log out</button>
<output></output>
<script type="module">
  import { manager, user } from '/app.js';
  const output = document.querySelector('output');
  const show = (user) => (output.value = user ? user.profile.sub + ' ' + user.profile.name : 'logged out');
  const onClick = (id, action) => {
    document.getElementById(id).onclick = () =>
      action().catch((error) => (output.value = 'refused: ' + error.message));
  };
  onClick('redirect', () => manager.signinRedirect());
  onClick('popup', async () => show(await manager.signinPopup()));
  onClick('silent', async () => {
    show(await manager.signinSilent());
    output.value += ' again';
  });
  onClick('out', () => manager.signoutRedirect());
  show(user);
</script>`;

inChromium('oidc-client-ts', () => {
  let browser: Browser;
  let app: Server;
  let origin: string;
  let instances: StandIn[];
  let stage: IssuerStage;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await launch();
  }, 180_000);
  afterAll(() => browser.close());
  afterEach(async () => {
    await context.close();
    app.closeAllConnections();
    app.close();
  });

  /** @param host `app.localhost` is another site than the issuer's `localhost`; both are secure contexts */
  async function startApp(host: string, scope = 'openid profile offline_access'): Promise<void> {
    app = createServer((req, res) => {
      const path = new URL(req.url ?? '/', origin).pathname;
      const script = path.endsWith('.js') && files[path];
      res.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
      res.end(script || html);
    }).listen(0, '127.0.0.1');
    await once(app, 'listening');
    origin = `http://${host}:${(app.address() as AddressInfo).port}`;
    const yaml = recipe('post_logout_redirect_uris').replaceAll('https://app.example.com', origin);
    const { clients } = parse(yaml) as { clients: { client_id: string }[] };
    instances = [await anInstance(), await anInstance()];
    stage = await anIssuer(instances, { clients });
    const code = recipe('UserManager')
      .replace('https://login.example.com', stage.issuerURL)
      .replace('openid profile offline_access', scope);
    const files: Record<string, string> = {
      '/app.js': code,
      '/oidc-client-ts.js': packaged('oidc-client-ts/dist/esm/oidc-client-ts.js'),
      '/jwt-decode.js': packaged('jwt-decode/build/esm/index.js'),
    };
  }

  /** Opens the page in another browser. */
  async function open(): Promise<void> {
    await (context as BrowserContext | undefined)?.close();
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(origin);
    await shows('logged out');
  }

  const shows = (text: string) => page.getByText(text, { exact: true }).waitFor({ timeout: 15_000 });

  const subOf = (instance: StandIn) => `${instance.origin}#${String(instance.account('alice').id)}`;

  /** Logs in at the issuer and the instance. @param view the page's own window, or a popup */
  async function logIn(view: Page, instance: StandIn): Promise<void> {
    await view.getByLabel(/Where does your account live/).fill(instance.host);
    await view.getByRole('button', { name: 'Log in', exact: true }).click();
    await view.getByRole('button', { name: 'Allow' }).click();
  }

  it.each(['app.localhost', 'localhost'])('logs users in and out, from %s', async (host) => {
    await startApp(host);
    for (const instance of instances) {
      await open();
      await page.locator('#redirect').click();
      await logIn(page, instance);
      await shows(`${subOf(instance)} Alice`);
      expect(page.url()).toBe(`${origin}/`);
      await page.locator('#out').click();
      await page.getByRole('button', { name: 'Log out here, too' }).click();
      await shows('logged out');
    }
  });

  it('logs users in with a popup', async () => {
    await startApp('app.localhost');
    await open();
    const opened = page.waitForEvent('popup');
    await page.locator('#popup').click();
    const popup = await opened;
    const closed = popup.waitForEvent('close');
    await logIn(popup, instances[0]!);
    await shows(`${subOf(instances[0]!)} Alice`);
    await closed;
  });

  describe('stays logged in', () => {
    async function stay(host: string, scope?: string): Promise<void> {
      await startApp(host, scope);
      await open();
      await page.locator('#redirect').click();
      await logIn(page, instances[0]!);
      await shows(`${subOf(instances[0]!)} Alice`);
      await page.locator('#silent').click();
    }

    it('with a refresh token, on another site than the issuer', async () => {
      await stay('app.localhost');
      await shows(`${subOf(instances[0]!)} Alice again`);
    });

    it('with a frame, on the site of the issuer', async () => {
      await stay('localhost', 'openid profile');
      await shows(`${subOf(instances[0]!)} Alice again`);
    });

    it('not with a frame on another site, where the issuer gets no cookie', async () => {
      await stay('app.localhost', 'openid profile');
      await shows('refused: End-User authentication is required');
    });
  });
});
