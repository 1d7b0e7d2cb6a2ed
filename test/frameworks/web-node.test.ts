/** The web door under node:http. */

import { keepsStrangersOut } from '../web/contract.js';
import { logsVisitorsIn } from './contract.js';
import { runSite } from './running.js';
import { isKnownByItsURL } from './url-client.js';

const program = 'test/frameworks/sites/web-node.mjs';

describe('a site with node:http and the web door', () =>
  logsVisitorsIn({ program, isSessionReplaced: false }));

describe('attackers at a site with node:http and the web door', () =>
  keepsStrangersOut((instances) => runSite(program, instances)));

describe('the URL of a site with node:http and the web door', () => isKnownByItsURL(program));
