/** Fastify 5, @fastify/passport, @fastify/session. */

import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

describe('a site with Fastify', () => logsVisitorsIn({ program: 'fastify.mts' }));

describe('the URL of a site with Fastify', () => isKnownByItsURL('fastify.mts'));
