/** The contract of stores, with Keyv's own adapters on real databases. */

import { itKeepsTheContract } from '../stores/contract.js';
import { kinds } from './kinds.js';
import type { Server } from './servers.js';

describe.each(kinds)('on a real server:', ({ name, opener, skipped, start, faults = {} }) => {
  let server: Server | undefined;
  beforeAll(async () => void (skipped === undefined && (server = await start())), 60_000);
  afterAll(async () => server?.end());

  itKeepsTheContract(name, { opener: () => opener(server?.url ?? ''), ...faults }, skipped);
});
