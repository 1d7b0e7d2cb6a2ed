/** Limits how much of a shared resource each network has: connections, or pending logins. */

import type { ClientAddress } from './client-address.js';

/**
 * The networks that one customer of an IPv6 provider may have: the number of their first digits, and how many times the
 * quota of a /64 they get. Without this, the owner of a /48 would have 65,536 quotas.
 */
const networks = [
  { digits: 16, times: 1 },
  { digits: 14, times: 2 },
  { digits: 12, times: 4 },
] as const;

/** Before an address without a limit, which still counts: it may be one client, or the proxy of all clients. */
const unlimited = 'unlimited ';

/** An address that a quota counts, and never refuses. */
export function unlimitedAddress(address = ''): string {
  return unlimited + address;
}

export class Quota {
  /** By network: an address, or the first digits of one. */
  private readonly used = new Map<string, number>();

  /** @param perAddress for one address, of IPv6 for one /64 */
  constructor(private readonly perAddress: number) {}

  hasRoom(address: ClientAddress): boolean {
    return this.fullNetwork(address) === undefined;
  }

  /** The narrowest network of the address that has used up its quota: the address, or its first digits. */
  fullNetwork(address: ClientAddress): string | undefined {
    if (address === undefined || address.startsWith(unlimited)) return undefined;
    return networksOf(address).find(({ name, times }) => this.of(name) >= this.perAddress * times)?.name;
  }

  /**
   * Chooses what is ended when a network is full: the oldest item of the address itself, or of the part of the network that
   * has most, so that a customer of a provider ends nothing of another one.
   * @param items of all networks, oldest first
   */
  oldestOfFull<T extends { readonly address: ClientAddress }>(
    address: ClientAddress,
    items: Iterable<T>,
  ): T | undefined {
    const network = this.fullNetwork(address);
    if (network === undefined) return undefined;
    const isIn = (other: ClientAddress, name: string) =>
      other === name || (isIPv6(other) && name.length < 16 && other.startsWith(name));
    const inside = [...items].filter((item) => isIn(item.address, network));
    const partOf = (item: T) => item.address?.slice(0, network.length + 2) ?? '';
    const most = Math.max(...inside.map((item) => this.of(partOf(item))));
    return (
      inside.find((item) => item.address === address) ?? inside.find((item) => this.of(partOf(item)) === most)
    );
  }

  add(address: ClientAddress): void {
    for (const { name } of networksOf(address)) this.used.set(name, this.of(name) + 1);
  }

  remove(address: ClientAddress): void {
    for (const { name } of networksOf(address)) {
      const left = this.of(name) - 1;
      if (left > 0) this.used.set(name, left);
      else this.used.delete(name);
    }
  }

  /**
   * Chooses what is ended when the resource is used up: the newest item of the network that has most, if `address` would
   * still have less than that network.
   * @param items oldest first
   */
  heaviest<T extends { readonly address: ClientAddress }>(
    address: ClientAddress,
    items: Iterable<T>,
  ): T | undefined {
    let most = this.of(widest(address)) + 1;
    let heaviest: string | undefined;
    for (const [network, count] of this.used) {
      if (count <= most || !isWidest(network)) continue;
      [heaviest, most] = [network, count];
    }
    if (heaviest === undefined) return undefined;
    let newest: T | undefined;
    for (const item of items) if (widest(item.address) === heaviest) newest = item;
    return newest;
  }

  private of(network: string): number {
    return this.used.get(network) ?? 0;
  }
}

function networksOf(address: ClientAddress): readonly { readonly name: string; readonly times: number }[] {
  if (!isIPv6(address)) return [{ name: address ?? unlimited, times: 1 }];
  return networks.map(({ digits, times }) => ({ name: address.slice(0, digits), times }));
}

function widest(address: ClientAddress): string {
  return isIPv6(address) ? address.slice(0, 12) : (address ?? unlimited);
}

function isWidest(network: string): boolean {
  return !/^(?:[\da-f]{14}|[\da-f]{16})$/.test(network);
}

function isIPv6(address: ClientAddress): address is string {
  return address !== undefined && /^[\da-f]{16}$/.test(address);
}
