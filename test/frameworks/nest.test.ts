/** Nest, @nestjs/passport, on Express. */

import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

describe('a site with Nest', () => logsVisitorsIn({ program: 'nest.mts' }));

describe('the URL of a site with Nest', () => isKnownByItsURL('nest.mts'));
