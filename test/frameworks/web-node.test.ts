/** The web adapter under node:http. */

import { keepsStrangersOut } from '../web/contract.js';
import { logsVisitorsIn } from './contract.js';
import { runSite } from './running.js';
import { isKnownByItsURL } from './url-client.js';

const program = 'test/frameworks/sites/web-node.mjs';

describe('a site with node:http and the web adapter', () =>
  logsVisitorsIn({ program, isSessionReplaced: false }));

describe('attackers at a site with node:http and the web adapter', () =>
  keepsStrangersOut((instances) => runSite(program, instances)));

describe('the URL of a site with node:http and the web adapter', () => isKnownByItsURL(program));
