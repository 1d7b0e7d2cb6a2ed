/** Debian's Chromium, driven by playwright-core. Without it, its tests are skipped with the reason on screen. */

import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

const missing = existsSync(executablePath)
  ? undefined
  : `no browser at ${executablePath}; .ci/install-chromium installs it, CHROMIUM names another`;

if (missing !== undefined && process.env['CI'] === 'true') throw new Error(missing);

/** `describe`, or a `describe.skip` with the reason in its title. */
export function inChromium(title: string, tests: () => void): void {
  if (missing === undefined) describe(title, tests);
  else describe.skip(`${title} (skipped: ${missing})`, tests);
}

export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
