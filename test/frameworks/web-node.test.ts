/** The web door under node:http. */

import { logsVisitorsIn } from './contract.js';

describe('a site with node:http and the web door', () => logsVisitorsIn({ program: 'web-node.mjs' }));
