/** Limits on what strangers can have the issuer keep or check: in all, for each network, and for each client. */

import { LRUCache } from 'lru-cache';
import type { ClientAddress } from '../util/client-address.js';
import { Quota } from '../util/quota.js';

export const limits = {
  /** Characters of a URL, or of a form that a browser is sent on with. */
  request: 8192,
  /** Characters of one record. */
  record: 12_000,
  /** Characters of one device authorization request. */
  device: 2048,
  /** Pending logins, and pending device codes, of one network. */
  perNetwork: 200,
  /** Characters of all pending records of one kind together, in this process. */
  inAll: 16 * 1024 * 1024,
  /** Wrong client authentications of one client from one network within a minute. */
  guesses: 10,
} as const;

interface PendingRecord {
  readonly id: string;
  readonly address: ClientAddress;
  readonly client: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/**
 * The records of one kind that visitors make before they log in. Where a network has as many as it may, its oldest one is
 * dropped; where a client has half of all, or all is full, the last one of the network with the most. So a flood from one
 * network ends no login of another one.
 */
export class PendingRecords {
  /** In the order in which they were made. All of a kind last equally long, so it is also the order in which they expire. */
  private readonly records = new Map<string, PendingRecord>();
  private readonly quota = new Quota(limits.perNetwork);
  private readonly sizeOfClients = new Map<string, number>();
  private size = 0;

  /** @param drop deletes a record */
  constructor(private readonly drop: (id: string) => void) {}

  add(record: PendingRecord): void {
    for (const { id, until } of this.records.values()) {
      if (until > Date.now()) break;
      this.end(id);
    }
    const { address, client, size } = record;
    while (!this.quota.hasRoom(address)) {
      this.evict(this.quota.oldestOfFull(address, this.records.values()));
    }
    while ((this.sizeOfClients.get(client) ?? 0) + size > limits.inAll / 2) {
      this.makeRoom(address, (other) => other.client === client);
    }
    while (this.size + size > limits.inAll) this.makeRoom(address, () => true);
    this.records.set(record.id, record);
    this.quota.add(address);
    this.count(client, size);
  }

  end(id: string): void {
    const record = this.records.get(id);
    if (!record) return;
    this.records.delete(id);
    this.quota.remove(record.address);
    this.count(record.client, -record.size);
  }

  private of(isMeant: (record: PendingRecord) => boolean): PendingRecord[] {
    return [...this.records.values()].filter(isMeant);
  }

  private makeRoom(address: ClientAddress, isMeant: (record: PendingRecord) => boolean): void {
    const records = this.of(isMeant);
    const own = records.find((other) => other.address === address);
    this.evict(this.quota.heaviest(address, records) ?? own ?? records[0]);
  }

  private evict(record: PendingRecord | undefined): void {
    if (!record) throw new Error('no record to drop');
    this.end(record.id);
    this.drop(record.id);
  }

  private count(client: string, size: number): void {
    this.size += size;
    const ofClient = (this.sizeOfClients.get(client) ?? 0) + size;
    if (ofClient > 0) this.sizeOfClients.set(client, ofClient);
    else this.sizeOfClients.delete(client);
  }
}

/** Wrong client authentications within a minute, by client and network. Addresses that are not counted have no limit. */
export class Guesses {
  private readonly wrong = new LRUCache<string, number>({ max: 10_000, ttl: 60_000, noUpdateTTL: true });

  isOverLimit(client: string, address: ClientAddress): boolean {
    return (this.wrong.get(`${address} ${client}`) ?? 0) >= limits.guesses;
  }

  add(client: string, address: ClientAddress): void {
    const key = `${address} ${client}`;
    if (address !== undefined) this.wrong.set(key, (this.wrong.get(key) ?? 0) + 1);
  }
}
