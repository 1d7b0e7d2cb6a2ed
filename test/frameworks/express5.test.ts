/** The example with Express 5: an ES module, express-session. */

import { logsVisitorsIn } from './contract.js';
import { staged } from './running.js';
import { isKnownByItsURL } from './url-client.js';

const program = staged('example/express5/site.mjs', {
  express: 'express',
  'express-session': 'express-session',
  passport: 'passport',
});

describe('the example with Express 5', () => logsVisitorsIn({ program }));

describe('the URL of the example with Express 5', () => isKnownByItsURL(program));
