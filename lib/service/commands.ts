/** All that the command `passport-mastodon-oauth2` can run. */

import { authenticator } from './authenticator.js';
import { issuer } from './issuer.js';
import type { Command } from './runnable.js';

export const commands: readonly Command[] = [authenticator, issuer];
