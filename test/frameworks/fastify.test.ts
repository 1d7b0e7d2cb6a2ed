/** Fastify 5, @fastify/passport, @fastify/session. */

import { logsVisitorsIn } from './contract.js';

describe('a site with Fastify', () => logsVisitorsIn({ program: 'fastify.mts' }));
