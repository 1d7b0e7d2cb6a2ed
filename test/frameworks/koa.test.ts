/** Koa 3, koa-passport, koa-session with a store. */

import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

describe('a site with Koa', () => logsVisitorsIn({ program: 'koa.mjs' }));

describe('the URL of a site with Koa', () => isKnownByItsURL('koa.mjs'));
