/** Takes the pictures in docs/pictures with `npm run pictures`; otherwise only checks that they exist. */

import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loginForm } from '../../lib/button/form';
import { inChromium, launch } from './chromium';
import { startSite } from './site';

const folder = resolve(__dirname, '..', '..', 'docs', 'pictures');
const names = ['light', 'dark'] as const;
const fileOf = (name: string) => join(folder, `button-${name}.png`);

it.each(names)('there is a small picture of the button in %s colours', (name) => {
  if (process.env['PICTURES']) return;
  expect(statSync(fileOf(name)).size).toBeLessThan(100_000);
});

inChromium('pictures of the button', () => {
  const take = process.env['PICTURES'] ? it : it.skip;

  take('are taken where the button leads somewhere', async () => {
    mkdirSync(folder, { recursive: true });
    const [browser, site] = await Promise.all([launch(), startSite()]);
    try {
      site.body = loginForm({ action: '/auth/mastodon' });
      for (const colorScheme of names) {
        const context = await browser.newContext({
          colorScheme,
          viewport: { width: 480, height: 430 },
          deviceScaleFactor: 2,
        });
        const page = await context.newPage();
        await page.goto(site.origin);
        await page.locator('input[name=instance]').pressSequentially('@ada@mastodon.social');
        await page.keyboard.press('Escape');
        await page
          .locator('main')
          .screenshot({ path: fileOf(colorScheme), animations: 'disabled', caret: 'hide' });
        await context.close();
      }
    } finally {
      await browser.close();
      site.close();
    }
  });
});
