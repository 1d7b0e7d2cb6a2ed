/** The places in which logins wait: a few on each connection, more of each network, and a fixed number in all. */

import type { ClientAddress } from './client-address.js';
import { Shares } from './shares.js';

/** One login of a client, from its message to its end. */
export interface Place<S> {
  readonly socket: S;
  readonly address: ClientAddress;
  /** Of the request, once its host was found. */
  id: string | undefined;
  /** It had to give way while the host was being looked up. */
  isLost: boolean;
}

export class Places<S extends { readonly address: ClientAddress }> {
  private readonly taken = new Set<Place<S>>();
  private readonly shares: Shares;

  constructor(
    private readonly inAll: number,
    perAddress: number,
    /** Tells its client, and ends its request. */
    private readonly giveWay: (place: Place<S>) => void,
  ) {
    this.shares = new Shares(perAddress);
  }

  /** Where all are taken, the last comer of the network with the most gives way to one with less. */
  take(socket: S): Place<S> | undefined {
    const { address } = socket;
    if (!this.shares.hasRoom(address)) return undefined;
    if (this.taken.size >= this.inAll) {
      const heaviest = this.shares.heaviest(address, this.taken);
      if (!heaviest) return undefined;
      this.free(heaviest);
      heaviest.isLost = true;
      this.giveWay(heaviest);
    }
    const place: Place<S> = { socket, address, id: undefined, isLost: false };
    this.taken.add(place);
    this.shares.add(address);
    return place;
  }

  /** May be called more than once. */
  free(place: Place<S>): void {
    if (this.taken.delete(place)) this.shares.remove(place.address);
  }
}
