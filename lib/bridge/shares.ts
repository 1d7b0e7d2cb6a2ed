/** How much of what there is for all each network has: connections, waiting logins. */

import type { ClientAddress } from './client-address.js';

/**
 * Networks that one customer may have of an IPv6 provider: their first digits, and how many times the share of a single
 * /64 they may have. Without it whoever has a /48 has 65,536 shares.
 */
const networks = [
  { digits: 16, times: 1 },
  { digits: 14, times: 2 },
  { digits: 12, times: 4 },
] as const;

/** Those that are not counted have no limit, but a weight together: it may be all the world, behind a proxy. */
const uncounted = 'uncounted';

export interface Holder {
  readonly address: ClientAddress;
}

export class Shares {
  /** By network: an address, or the first digits of one. */
  private readonly held = new Map<string, number>();

  /** @param each for one address, of IPv6 for one /64 */
  constructor(private readonly each: number) {}

  hasRoom(address: ClientAddress): boolean {
    if (address === undefined) return true;
    return networksOf(address).every(({ name, times }) => this.of(name) < this.each * times);
  }

  add(address: ClientAddress): void {
    for (const { name } of networksOf(address)) this.held.set(name, this.of(name) + 1);
  }

  remove(address: ClientAddress): void {
    for (const { name } of networksOf(address)) {
      const left = this.of(name) - 1;
      if (left > 0) this.held.set(name, left);
      else this.held.delete(name);
    }
  }

  /**
   * Who makes room where all is taken: the last one that came from the network with the most, if a newcomer from
   * `address` would not have as much itself.
   * @param holders in the order in which they came
   */
  heaviest<H extends Holder>(address: ClientAddress, holders: Iterable<H>): H | undefined {
    let most = this.of(widest(address)) + 1;
    let heaviest: string | undefined;
    for (const [network, count] of this.held) {
      if (count <= most || !isWidest(network)) continue;
      [heaviest, most] = [network, count];
    }
    if (heaviest === undefined) return undefined;
    let last: H | undefined;
    for (const holder of holders) if (widest(holder.address) === heaviest) last = holder;
    return last;
  }

  private of(network: string): number {
    return this.held.get(network) ?? 0;
  }
}

function networksOf(address: ClientAddress): readonly { readonly name: string; readonly times: number }[] {
  if (!isIPv6(address)) return [{ name: address ?? uncounted, times: 1 }];
  return networks.map(({ digits, times }) => ({ name: address.slice(0, digits), times }));
}

function widest(address: ClientAddress): string {
  return isIPv6(address) ? address.slice(0, 12) : (address ?? uncounted);
}

function isWidest(network: string): boolean {
  return !/^(?:[\da-f]{14}|[\da-f]{16})$/.test(network);
}

/** IPv4 addresses are shorter. */
function isIPv6(address: ClientAddress): address is string {
  return address?.length === 16;
}
