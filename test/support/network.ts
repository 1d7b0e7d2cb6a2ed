/** A network of a test's own, which reaches the given origins, and what comes of its requests. */

import { Network } from '../../lib/http/network.js';
import { readOptions, type OutboundOptions, type Settings } from '../../lib/options.js';
import { names, type RawServer } from './hostile.js';
import { leastOptions } from './records.js';

export function networkTo(
  origins: readonly { origin: string }[],
  outbound: OutboundOptions = {},
  settings: Partial<Settings> = {},
): Network {
  const developmentInstances = origins.map(({ origin }) => origin);
  const { lookup } = names({ localhost: ['127.0.0.1'] });
  const options = {
    ...leastOptions,
    developmentInstances,
    // Also for the first request of a test file, before which the HTTP parser is compiled, on a busy machine.
    outbound: { lookup, timeoutMs: 2000, ...outbound },
  };
  return new Network({ ...readOptions(options), ...settings });
}

export function originOf(server: RawServer): { origin: string } {
  return { origin: `http://localhost:${server.port}` };
}

export const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
