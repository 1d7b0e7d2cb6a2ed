/** Finds the instance of an address under a concurrency limit, once for all concurrent callers. */

import type { Address } from '../discovery/address.js';
import type { Discovery } from '../discovery/discovery.js';
import type { Failures } from '../discovery/failures.js';
import type { Instance, OutboundSettings } from '../options.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { SingleFlight, type RequestContext } from '../http/context.js';
import { boundedMap } from '../util/memory.js';

/** Discoveries under way for one host, over all typed handles of it. */
const maxPerHost = 8;

/** How long a start can use the result of a discovery, although there is no client yet. Milliseconds. */
const justFoundMs = 60_000;

export class InstanceLookup {
  private readonly finding = new SingleFlight<Instance>();
  private readonly starts: ConcurrencyLimit;
  /** Origins of instances that were discovered just now. */
  readonly justFound = boundedMap<true>(1000, justFoundMs);

  constructor(
    { maxConcurrentStarts: inAll, maxWaiting: waiting }: OutboundSettings,
    private readonly discovery: Discovery,
    private readonly failures: Failures,
  ) {
    this.starts = new ConcurrencyLimit({ inAll, perInstance: maxPerHost, waiting });
  }

  /** The instance of an address, from the cache or by a discovery. @throws MastodonError as `discover` */
  async find(context: RequestContext, address: Address): Promise<Instance> {
    [context.typed, context.hasHandle] = [address.host, address.username !== undefined];
    await context.assertAllowed(address.host);
    const instance = (await this.discovery.known(address)) ?? (await this.discover(context, address));
    await context.assertAllowed(instance.host);
    return instance;
  }

  /**
   * Sends the requests of a discovery, unless they failed several times in a row just now.
   * @param isAnew whether to ignore cached data of the server
   * @throws MastodonError as `Discovery.find`; `login_busy`; `timeout`
   */
  async discover(context: RequestContext, address: Address, isAnew = false): Promise<Instance> {
    const { host, username, origin } = address;
    // Failures are stored by handle, because another handle of the domain may be found; or by origin if none was typed.
    const name = username === undefined ? origin : `${username}@${origin}`;
    const find = async (work: RequestContext) => {
      // Work of other callers may have failed, or found the instance, while this one waited.
      this.failures.assertNone(name, host);
      const known = isAnew ? undefined : await this.discovery.known(address);
      if (known) return known;
      try {
        const instance = await this.discovery.find(address, work, isAnew);
        this.failures.succeeded(name);
        this.justFound.set(instance.origin, true);
        return instance;
      } catch (error) {
        this.failures.failed(name, error);
        throw error;
      }
    };
    return this.finding.join(name, context, (work) => this.starts.run(work, host, () => find(work)));
  }
}
