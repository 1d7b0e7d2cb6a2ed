/** Express 5, TypeScript, express-session. */

import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

describe('a site with Express 5', () => logsVisitorsIn({ program: 'express5.mts' }));

describe('the URL of a site with Express 5', () => isKnownByItsURL('express5.mts'));
