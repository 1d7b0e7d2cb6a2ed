/** The button's script and stylesheet for browsers. The build puts the texts into this file, so that a bundle has them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const read = (name: string): string =>
  readFileSync(join(__dirname, '..', '..', 'dist', 'button', 'browser', name), 'utf8');

export const buttonScript = read('mastodon-login.js');
export const buttonStyle = read('mastodon-login.css');
