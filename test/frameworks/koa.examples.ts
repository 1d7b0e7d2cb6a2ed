/** The example with Koa 3: koa-passport, koa-session with a store. Its regenerate keeps the content of a session. */

import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

describe('the example with Koa', () =>
  logsVisitorsIn({ program: 'example/koa/site.mjs', isSessionReplaced: false }));

describe('the URL of the example with Koa', () => isKnownByItsURL('example/koa/site.mjs'));
