/** The example with Hono, on @hono/node-server. */

import { logsVisitorsIn } from './contract.js';

describe('the example with Hono', () => logsVisitorsIn({ program: '../../../example/hono/server.mjs' }));
