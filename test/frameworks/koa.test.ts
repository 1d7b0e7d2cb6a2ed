/** Koa 3, koa-passport, koa-session with a store. */

import { logsVisitorsIn } from './contract.js';

describe('a site with Koa', () => logsVisitorsIn({ program: 'koa.mjs' }));
