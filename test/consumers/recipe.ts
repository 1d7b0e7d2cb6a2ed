/** The settings that docs/issuer-clients.md shows for a product, with the addresses and the secret of a test. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockOf, root } from '../docs/pages';

export interface Addresses {
  readonly issuerURL: string;
  /** The product's own values. */
  readonly origin: string;
  readonly secret: string;
}

/** @param holding a text that only this product's block contains; `SITE` in it is the product's host */
export function settingsOf(
  test: string,
  holding: string,
  { issuerURL, origin, secret }: Addresses,
  more: Readonly<Record<string, string>> = {},
): string {
  const replacements = {
    'https://login.example.com': issuerURL,
    'the client_secret of issuer.yml': secret,
    ...more,
  };
  let settings = blockOf('docs/issuer-clients.md', test, holding);
  for (const [theirs, ours] of Object.entries(replacements)) {
    if (!settings.includes(theirs)) throw new Error(`The settings with ${holding} do not have ${theirs}`);
    settings = settings.replaceAll(theirs, ours);
  }
  return settings.replaceAll('https://SITE', origin);
}

/** The product's row in the table of docs/issuer-clients.md. */
export function rowOf(product: string): string {
  const page = readFileSync(join(root, 'docs/issuer-clients.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith(`| ${product}`));
  if (rows.length !== 1) throw new Error(`docs/issuer-clients.md has ${rows.length} rows of ${product}`);
  return rows[0]!;
}
