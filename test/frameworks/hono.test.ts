/** The example with Hono, on @hono/node-server. */

import { keepsStrangersOut } from '../web/contract.js';
import { logsVisitorsIn } from './contract.js';
import { runSite } from './running.js';

const program = '../../../example/hono/server.mjs';

describe('the example with Hono', () => logsVisitorsIn({ program }));

describe('attackers at the example with Hono', () =>
  keepsStrangersOut((instances) => runSite(program, instances)));
