/** Express 5 with cookie-session: the server stores nothing. */

import { logsVisitorsIn } from './contract.js';

describe('a site with cookie-session', () =>
  logsVisitorsIn({ program: 'test/frameworks/sites/cookie-session.mjs', isSessionOnServer: false }));
