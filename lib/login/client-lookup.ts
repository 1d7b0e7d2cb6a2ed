/** Finds the instance of an address and a client that can be used there, once for all callers who wait for it. */

import { LRUCache } from 'lru-cache';
import { describeApp, type App, type Client } from '../client/client.js';
import type { ClientLifecycle } from '../client/lifecycle.js';
import type { Address } from '../discovery/address.js';
import type { Discovery } from '../discovery/discovery.js';
import type { Failures } from '../discovery/failures.js';
import type { Instance, Settings } from '../options.js';
import { MastodonError } from '../errors.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { SingleFlight, type RequestContext } from '../http/context.js';
import type { PendingLogins } from './transactions.js';

/** An instance with a client that can be used there. */
export interface Usable {
  readonly instance: Instance;
  readonly app: App;
  readonly client: Client;
}

/** A known instance with its client, or with the one that is to be replaced. */
type Known = { readonly instance: Instance; readonly app: App } & Awaited<
  ReturnType<ClientLifecycle['usable']>
>;

/** One host, however many handles of it are typed, gets this much of the work under way. */
const maxStartsPerHost = 8;

/** From finding an instance to logging in there, where a visitor goes from one program to another. Milliseconds. */
const justFoundMs = 60_000;

export class ClientLookup {
  private readonly registering = new SingleFlight<Usable>();
  private readonly finding = new SingleFlight<Instance>();
  private readonly starts: ConcurrencyLimit;
  /** Addresses whose instance was found without a login: the next start there need not look again. */
  private readonly justFound = new LRUCache<string, true>({ max: 1000, ttl: justFoundMs, perf: Date });

  constructor(
    private readonly settings: Settings,
    private readonly discovery: Discovery,
    private readonly lifecycle: ClientLifecycle,
    private readonly failures: Failures,
  ) {
    const { maxConcurrentStarts: inAll, maxWaiting: waiting } = settings.outbound;
    this.starts = new ConcurrencyLimit({ inAll, perInstance: maxStartsPerHost, waiting });
  }

  /** The instance alone. @throws MastodonError as `Discovery.find`; `instance_not_allowed` */
  async find(context: RequestContext, address: Address): Promise<Instance> {
    await context.assertAllowed(address.host);
    const name = nameOf(address);
    const known = await this.discovery.known(address);
    const find = async (work: RequestContext) => {
      const found = await this.discovery.find(address, work);
      this.justFound.set(name, true);
      return found;
    };
    const instance =
      known ??
      (await this.finding.join(name, context, (work) => this.inTurn(work, address, () => find(work))));
    await context.assertAllowed(instance.host);
    return instance;
  }

  /**
   * The instance and a client there. What is known already costs no request.
   * @param scope of this login; default: the site's
   * @param pending the browser's logins: those that it never finished are signs of trouble with the client
   * @throws MastodonError as `find` and `ClientLifecycle.register`
   */
  async get(
    context: RequestContext,
    address: Address,
    scope: string | undefined,
    pending: PendingLogins,
  ): Promise<Usable> {
    await context.assertAllowed(address.host);
    const instance = await this.discovery.known(address);
    if (!instance) return this.findAndRegister(context, address, scope, undefined);
    await context.assertAllowed(instance.host);
    const abandoned = (await pending.unfinished(instance.host))?.begunAt ?? [];
    const known = await this.clientAt(context, instance, scope, abandoned);
    if (isUsable(known)) return known;
    await this.failures.assertNoVerdict(instance.host);
    return this.findAndRegister(context, address, scope, known);
  }

  private async clientAt(
    context: RequestContext,
    instance: Instance,
    scope: string | undefined,
    abandoned: readonly number[] = [],
  ): Promise<Known> {
    const app = describeApp(instance, this.settings, scope);
    return { instance, app, ...(await this.lifecycle.usable(context, instance, app, abandoned)) };
  }

  /** @param known the known instance, with the client that is to be replaced */
  private findAndRegister(
    context: RequestContext,
    address: Address,
    scope: string | undefined,
    known: Known | undefined,
  ): Promise<Usable> {
    const name = nameOf(address);
    return this.registering.join(`${name} ${scope ?? ''}`, context, (work) =>
      this.inTurn(work, address, async () => {
        // An instance whose client died may have become another server: it is found anew.
        const isKept = this.justFound.delete(name) || known === undefined;
        const instance =
          (isKept ? await this.discovery.known(address) : undefined) ??
          (await this.discovery.find(address, work, known !== undefined));
        await work.assertAllowed(instance.host);
        this.failures.assertNone(instance.host);
        await this.failures.assertNoVerdict(instance.host);
        const app = describeApp(instance, this.settings, scope);
        const current = known?.app.key === app.key ? known : await this.clientAt(work, instance, scope);
        if (isUsable(current)) return current;
        try {
          const client = await this.lifecycle.register(work, instance, app, current.replaced);
          this.failures.succeeded(instance.host);
          return { instance, app, client };
        } catch (error) {
          // Where another host led here and used up the time, the time that was left says nothing of this host.
          const isLate = error instanceof MastodonError && error.code === 'timeout';
          if (!isLate || instance.host === address.host) this.failures.failed(instance.host, error);
          throw error;
        }
      }),
    );
  }

  /** Runs work in turn with others, and remembers the address if it failed. */
  private async inTurn<T>(context: RequestContext, address: Address, work: () => Promise<T>): Promise<T> {
    const name = nameOf(address);
    this.failures.assertNone(name, address.host);
    return this.starts.run(context, address.host, async () => {
      // Others may have failed while this one waited.
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

function isUsable(known: Known): known is Known & { readonly client: Client } {
  return known.client !== undefined;
}

/** A handle, or the origin where none was typed: other handles of the domain may well be found. */
function nameOf({ username, origin }: Address): string {
  return username === undefined ? origin : `${username}@${origin}`;
}
