/** Express 4, CommonJS, express-session. */

import { logsVisitorsIn } from './contract.js';

describe('a site with Express 4', () => logsVisitorsIn({ program: 'express4.js' }));
