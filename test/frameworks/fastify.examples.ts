/** The example with Fastify 5: @fastify/passport, @fastify/session. */

import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

describe('the example with Fastify', () => logsVisitorsIn({ program: 'example/fastify/site.mjs' }));

describe('the URL of the example with Fastify', () => isKnownByItsURL('example/fastify/site.mjs'));
