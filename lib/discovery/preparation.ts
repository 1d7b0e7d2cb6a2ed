/** From an address to an instance with living credentials, with what is known costing no request. */

import { lru } from 'tiny-lru';
import { MastodonError } from '../errors.js';
import { Budget } from '../http/budget.js';
import { Gate } from '../http/gate.js';
import type { Network } from '../http/network.js';
import { SingleFlight } from '../http/single-flight.js';
import type { Instance, Settings } from '../options.js';
import type { Store } from '../store.js';
import type { Address } from './address.js';
import type { Client } from '../client/client.js';
import type { Credentials } from '../client/credentials.js';
import { Discovery } from './discovery.js';
import type { Failures } from './failures.js';
import type { Policy } from './policy.js';

export interface Prepared {
  readonly instance: Instance;
  readonly client: Client;
}

/** The logins that the browser began at an instance, and from which it never came back. */
interface Unfinished {
  unfinished(host: string): Promise<{ readonly begunAt: readonly number[] } | undefined>;
}

/** One host, however many of its users are typed, gets this much of the work under way at most. */
const preparationsPerHost = 8;

/** From finding an instance to logging in there, where a person goes from one program to another. Milliseconds. */
const justFoundMs = 60 * 1000;

export class Preparation {
  private readonly discovery: Discovery;
  private readonly finding = new SingleFlight<Instance>();
  private readonly registering = new SingleFlight<Prepared>();
  private readonly gate: Gate;
  /** Addresses whose instance was found and not yet used: the next start there need not look again. */
  private readonly justFound = lru<true>(1000, justFoundMs);
  private readonly loginTimeoutMs: number;

  constructor(
    private readonly network: Network,
    store: Store,
    settings: Settings,
    private readonly policy: Policy,
    private readonly credentials: Credentials,
    private readonly failures: Failures,
  ) {
    const { maxConcurrentStarts, maxWaiting, timeoutMs, loginTimeoutMs } = settings.outbound;
    this.loginTimeoutMs = loginTimeoutMs;
    this.discovery = new Discovery(network, store, settings, policy);
    this.gate = new Gate({
      inAll: maxConcurrentStarts,
      perInstance: preparationsPerHost,
      waiting: maxWaiting,
      waitMs: timeoutMs,
    });
  }

  /** The instance alone, for who wants to know whether there is one. @throws MastodonError */
  async find(address: Address): Promise<Instance> {
    try {
      return await this.findAllowed(address);
    } catch (error) {
      throw asTyped(error, address);
    }
  }

  private async findAllowed(address: Address): Promise<Instance> {
    await this.policy.assertAllowed(address.host);
    const instance =
      (await this.discovery.known(address)) ??
      (await this.finding.run(keyOf(address), () =>
        this.watched(address, async (network) => {
          const found = await this.discovery.find(address, network);
          this.justFound.set(keyOf(address), true);
          return found;
        }),
      ));
    await this.assertPinnedAllowed(instance, address);
    return instance;
  }

  /**
   * @param logins of the browser; also asked, for what they may have against the request, when nothing is known yet
   * @throws MastodonError
   */
  async prepare(address: Address, logins: Unfinished): Promise<Prepared> {
    try {
      await this.policy.assertAllowed(address.host);
      const known = await this.discovery.known(address);
      const unfinished = (await logins.unfinished((known ?? address).host))?.begunAt ?? [];
      if (known) {
        await this.assertPinnedAllowed(known, address);
        const client = await this.credentials.current(known, unfinished);
        if (client) return { instance: known, client };
        await this.failures.assertNoVerdict(known.host);
      }
      return await this.register(address, known, unfinished);
    } catch (error) {
      throw asTyped(error, address);
    }
  }

  private register(
    address: Address,
    known: Instance | undefined,
    unfinished: readonly number[],
  ): Promise<Prepared> {
    const key = keyOf(address);
    return this.registering.run(key, () =>
      this.watched(address, async (network) => {
        // What had credentials that died may have become another server: it is explored anew.
        const isDoubtful = known !== undefined && this.justFound.get(key) === undefined;
        this.justFound.delete(key);
        const explored = isDoubtful ? undefined : await this.discovery.known(address);
        const instance = explored ?? (await this.discovery.find(address, network));
        await this.assertPinnedAllowed(instance, address);
        await this.failures.assertNoVerdict(instance.host);
        const client = await this.credentials.current(instance, unfinished);
        return { instance, client: client ?? (await this.credentials.register(instance, network)) };
      }),
    );
  }

  /** Waiting and work share one budget: each answer may come just in time, and their sum must not go on for minutes. */
  private async watched<T>({ host }: Address, work: (network: Network) => Promise<T>): Promise<T> {
    this.failures.assertNoStreak(host);
    const budget = new Budget(this.loginTimeoutMs);
    const network = this.network.within(budget);
    // Being refused at the gate is no failure of the instance's, so the gate is outside.
    const guarded = async () => {
      // Others may have found out while this one waited.
      this.failures.assertNoStreak(host);
      return this.failures.watch(host, () => work(network));
    };
    return this.gate.run(host, guarded, budget);
  }

  /** A domain may lead to a server that is not allowed, by redirect or by WebFinger. */
  private assertPinnedAllowed(instance: Instance, address: Address): Promise<void> | undefined {
    return instance.host === address.host ? undefined : this.policy.assertAllowed(instance.host);
  }
}

function keyOf(address: Address): string {
  return `${address.username ?? ''}@${address.origin}`;
}

/** Failures name the host as the person wrote it, who alone gets to see them. */
function asTyped(error: unknown, { host, typedHost }: Address): unknown {
  return error instanceof MastodonError && error.instance === host && typedHost !== undefined
    ? error.with({ typedInstance: typedHost })
    : error;
}
