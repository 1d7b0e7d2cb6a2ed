/** Nest, @nestjs/passport, on Express. */

import { logsVisitorsIn } from './contract.js';

describe('a site with Nest', () => logsVisitorsIn({ program: 'nest.mts' }));
