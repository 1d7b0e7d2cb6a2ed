/** Limits the share of a resource per client network: connections, or pending logins. */

import type { ClientAddress } from './client-address.js';

/**
 * IPv6 networks that one customer of a provider may have: the number of leading digits, and the quota as a multiple of
 * that of a /64. Otherwise the owner of a /48 would have 65,536 quotas.
 */
const networks = [
  { digits: 16, times: 1 },
  { digits: 14, times: 2 },
  { digits: 12, times: 4 },
] as const;

/**
 * Prefix of an address without a limit. Such an address is counted: it may be one client, or the proxy of all clients.
 */
const unlimited = 'unlimited ';

/** An address that a quota counts and never refuses. */
export function unlimitedAddress(address = ''): string {
  return unlimited + address;
}

export class Quota {
  /** Used amount by network: an address, or its leading digits. */
  private readonly used = new Map<string, number>();

  /** @param perAddress quota of one address; of one /64 for IPv6 */
  constructor(private readonly perAddress: number) {}

  hasRoom(address: ClientAddress): boolean {
    return this.fullNetwork(address) === undefined;
  }

  /** The used amount of the largest network of the address. */
  countOf(address: ClientAddress): number {
    return this.of(widest(address));
  }

  /** The smallest full network of the address: the address, or its leading digits. */
  fullNetwork(address: ClientAddress): string | undefined {
    if (address === undefined || address.startsWith(unlimited)) return undefined;
    return networksOf(address).find(({ name, times }) => this.of(name) >= this.perAddress * times)?.name;
  }

  /**
   * Chooses the item to end when a network is full. It is the oldest item of the address itself, or of the subnetwork
   * with the most items. So one customer of a provider cannot end items of another one.
   * @param items of all networks, oldest first
   */
  oldestOfFull<T extends { readonly address: ClientAddress }>(
    address: ClientAddress,
    items: Iterable<T>,
  ): T | undefined {
    const network = this.fullNetwork(address);
    if (network === undefined) return undefined;
    const inside = [...items].filter((item) => networksOf(item.address).some(({ name }) => name === network));
    const partOf = (item: T) => item.address?.slice(0, network.length + 2) ?? '';
    const most = Math.max(...inside.map((item) => this.of(partOf(item))));
    return (
      inside.find((item) => item.address === address) ?? inside.find((item) => this.of(partOf(item)) === most)
    );
  }

  add(address: ClientAddress): void {
    this.count(address, 1);
  }

  remove(address: ClientAddress): void {
    this.count(address, -1);
  }

  /**
   * Chooses the item to end when the resource is full. It is the newest item of the network with the most items, if
   * `address` has fewer, including the new one.
   * @param items oldest first
   */
  heaviest<T extends { readonly address: ClientAddress }>(
    address: ClientAddress,
    items: Iterable<T>,
  ): T | undefined {
    let most = this.of(widest(address)) + 1;
    let heaviest: string | undefined;
    for (const [network, count] of this.used)
      if (count > most && !isPartOfIPv6(network)) [heaviest, most] = [network, count];
    if (heaviest === undefined) return undefined;
    let newest: T | undefined;
    for (const item of items) if (widest(item.address) === heaviest) newest = item;
    return newest;
  }

  private count(address: ClientAddress, by: 1 | -1): void {
    for (const { name } of networksOf(address)) {
      const count = this.of(name) + by;
      if (count > 0) this.used.set(name, count);
      else this.used.delete(name);
    }
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

function isIPv6(address: ClientAddress): address is string {
  return address !== undefined && /^[\da-f]{16}$/.test(address);
}

/** Whether a network is part of a wider one that is counted too. */
function isPartOfIPv6(network: string): boolean {
  return /^[\da-f]{14,16}$/.test(network);
}
