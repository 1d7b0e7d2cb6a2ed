/** The example with Hono, on @hono/node-server. */

import { keepsStrangersOut } from '../web/contract.js';
import { logsVisitorsIn } from './contract.js';
import { runSite } from './running.js';
import { isKnownByItsURL } from './url-client.js';

const program = 'example/hono/site.mjs';

describe('the example with Hono', () => logsVisitorsIn({ program, isSessionReplaced: false }));

describe('attackers at the example with Hono', () =>
  keepsStrangersOut((instances) => runSite(program, instances)));

describe('the URL of the example with Hono', () => isKnownByItsURL(program));
