/** Express 5, TypeScript, express-session. */

import { logsVisitorsIn } from './contract.js';

describe('a site with Express 5', () => logsVisitorsIn({ program: 'express5.mts' }));
