/** The example with Express 4: CommonJS, express-session. */

import { logsVisitorsIn } from './contract.js';
import { staged } from './running.js';
import { isKnownByItsURL } from './url-client.js';

const program = staged('example/express4/site.js', {
  express: 'express-4',
  'express-session': 'express-session',
  passport: 'passport',
});

describe('the example with Express 4', () => logsVisitorsIn({ program }));

describe('the URL of the example with Express 4', () => isKnownByItsURL(program));
