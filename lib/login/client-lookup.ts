/** Finds the instance of an address, and registers the app there, once for all concurrent callers. */

import { describeApp } from '../client/client.js';
import type { AppAtInstance, ClientLifecycle, RegisteredApp } from '../client/lifecycle.js';
import type { Address } from '../discovery/address.js';
import type { Discovery } from '../discovery/discovery.js';
import type { Failures } from '../discovery/failures.js';
import type { Instance, Settings } from '../options.js';
import { MastodonError } from '../errors.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { SingleFlight, type RequestContext } from '../http/context.js';
import { boundedMap } from '../util/memory.js';

/** Starts under way for one host, over all typed handles of it. */
const maxStartsPerHost = 8;

/** How long the result of `find` can be used by a following start. Milliseconds. */
const justFoundMs = 60_000;

export class ClientLookup {
  private readonly registering = new SingleFlight<RegisteredApp>();
  private readonly finding = new SingleFlight<Instance>();
  private readonly starts: ConcurrencyLimit;
  /** Addresses that `find` has resolved. A following start does not repeat the discovery. */
  private readonly justFound = boundedMap<true>(1000, justFoundMs);

  constructor(
    private readonly settings: Settings,
    private readonly discovery: Discovery,
    private readonly lifecycle: ClientLifecycle,
    private readonly failures: Failures,
  ) {
    const { maxConcurrentStarts: inAll, maxWaiting: waiting } = settings.outbound;
    this.starts = new ConcurrencyLimit({ inAll, perInstance: maxStartsPerHost, waiting });
  }

  /** Finds the instance without a client. @throws MastodonError as `Discovery.find`; `instance_not_allowed` */
  async find(context: RequestContext, address: Address): Promise<Instance> {
    [context.typed, context.hasHandle] = [address.host, address.username !== undefined];
    await context.assertAllowed(address.host);
    const name = nameOf(address);
    const instance =
      (await this.discovery.known(address)) ??
      (await this.finding.join(name, context, (work) =>
        this.inTurn(work, address, async () => {
          const found = await this.discovery.find(address, work);
          this.justFound.set(name, true);
          return found;
        }),
      ));
    await context.assertAllowed(instance.host);
    return instance;
  }

  /**
   * Finds the instance and registers the app there, once for all concurrent callers with one address.
   * @param scope of this login; default: the option `scope`
   * @param known the known instance, with the client to replace
   * @throws MastodonError as `find` and `ClientLifecycle.register`
   */
  async findAndRegister(
    context: RequestContext,
    address: Address,
    scope: string | undefined,
    known: AppAtInstance | undefined,
  ): Promise<RegisteredApp> {
    if (known) await this.failures.assertNoVerdict(known.instance.host);
    const name = nameOf(address);
    return this.registering.join(`${name} ${scope ?? ''}`, context, (work) =>
      this.inTurn(work, address, async () => {
        // The client of a known instance is dead. The server may have been replaced, so discovery runs again.
        const isKept = this.justFound.delete(name) || known === undefined;
        const instance =
          (isKept ? await this.discovery.known(address) : undefined) ??
          (await this.discovery.find(address, work, known !== undefined));
        await work.assertAllowed(instance.host);
        this.failures.assertNone(instance.host);
        await this.failures.assertNoVerdict(instance.host);
        const app = describeApp(instance, this.settings, scope);
        const current = known?.app.key === app.key ? known : await this.lifecycle.usable(work, instance, app);
        if (current.client) return current;
        try {
          const client = await this.lifecycle.register(work, instance, app, current.replaced);
          this.failures.succeeded(instance.host);
          return { instance, app, client };
        } catch (error) {
          // If discovery of another host used up the time, a timeout says nothing about this host.
          const isLate = error instanceof MastodonError && error.code === 'timeout';
          if (!isLate || instance.host === address.host) this.failures.failed(instance.host, error);
          throw error;
        }
      }),
    );
  }

  /** Runs work under the concurrency limit, and remembers its failure for the address. */
  private async inTurn<T>(context: RequestContext, address: Address, work: () => Promise<T>): Promise<T> {
    const name = nameOf(address);
    this.failures.assertNone(name, address.host);
    return this.starts.run(context, address.host, async () => {
      // Work of other callers may have failed while this caller waited.
      this.failures.assertNone(name, address.host);
      try {
        const result = await work();
        this.failures.succeeded(name);
        return result;
      } catch (error) {
        this.failures.failed(name, error);
        throw error;
      }
    });
  }
}

/** A handle, or the origin where none was typed: other handles of the domain may well be found. */
function nameOf({ username, origin }: Address): string {
  return username === undefined ? origin : `${username}@${origin}`;
}
