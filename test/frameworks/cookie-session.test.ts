/** Express 5 and cookie-session, where there is nothing on the server. */

import { logsVisitorsIn } from './contract.js';

describe('a site with cookie-session', () =>
  logsVisitorsIn({ program: 'test/frameworks/sites/cookie-session.mjs', isSessionOnServer: false }));
