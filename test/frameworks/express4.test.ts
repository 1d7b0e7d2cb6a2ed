/** Express 4, CommonJS, express-session. */

import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

describe('a site with Express 4', () => logsVisitorsIn({ program: 'express4.js' }));

describe('the URL of a site with Express 4', () => isKnownByItsURL('express4.js'));
