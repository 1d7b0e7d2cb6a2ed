/** Limits on what unauthenticated requests can store and try: in total, per network, and per client. */

import type { ClientAddress } from '../util/client-address.js';
import { Quota } from '../util/quota.js';
import type { KoaContextWithOIDC, OIDC } from './oidc-provider.js';

export const limits = {
  /** Characters of a URL, or of a posted request. */
  request: 8192,
  /** Characters of one record. */
  record: 12_000,
  /** Characters of one device authorization request. */
  device: 2048,
  /** Pending logins, or device codes, of one network. */
  perNetwork: 200,
  /** Characters of all pending records of one kind, in this process. */
  inAll: 16 * 1024 * 1024,
  /** Failed authentications of one client from one network in a minute. */
  guesses: 10,
  /** Wrong user codes from one network in a minute. */
  codes: 30,
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
 * Counts the records of one kind that exist before a login. If a network is at its limit, its oldest record is dropped. If a
 * client has half of the total, or the total is used up, the newest record of the network with most is dropped. So a flood
 * from one network ends no login from another one.
 */
export class PendingRecords {
  /** Oldest first. All records of a kind have the same lifetime, so they also expire in this order. */
  private readonly records = new Map<string, PendingRecord>();
  private readonly quota = new Quota(limits.perNetwork);
  private readonly sizeOfClients = new Map<string, number>();
  private size = 0;

  /** @param drop deletes a record */
  constructor(private readonly drop: (id: string) => void) {}

  add(record: PendingRecord): void {
    const { address, client, size } = record;
    for (const { id, until } of this.records.values()) {
      if (until > Date.now()) break;
      this.end(id);
    }
    const oldest = () => this.quota.oldestOfFull(address, this.records.values());
    for (let full = oldest(); full; full = oldest()) this.evict(full);
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

  /** Drops one record of a kind. */
  private makeRoom(address: ClientAddress, isOfKind: (record: PendingRecord) => boolean): void {
    const records = [...this.records.values()].filter(isOfKind);
    const [first] = records;
    if (!first) throw new Error('no record to drop');
    const own = records.find((other) => other.address === address);
    const quota = new Quota(Infinity);
    for (const record of records) quota.add(record.address);
    this.evict(quota.heaviest(address, records) ?? own ?? first);
  }

  private evict({ id }: PendingRecord): void {
    this.end(id);
    this.drop(id);
  }

  private count(client: string, size: number): void {
    this.size += size;
    const ofClient = (this.sizeOfClients.get(client) ?? 0) + size;
    if (ofClient > 0) this.sizeOfClients.set(client, ofClient);
    else this.sizeOfClients.delete(client);
  }
}

/** Limits what each network does within a minute. `undefined` has no limit. */
export class MinuteQuota extends Quota {
  addForMinute(address: ClientAddress): void {
    if (address === undefined) return;
    this.add(address);
    setTimeout(() => this.remove(address), 60_000).unref();
  }
}

/**
 * After too many wrong secrets of a client, a network gets the same answer to right and wrong ones for a minute. The right one
 * has no effect then: it uses up no code and no token. Clients without a shared secret are not counted, so that other people
 * in their network cannot keep them out.
 */
export class AuthenticationLimit {
  /** By client; only registered ones have a secret. */
  private readonly failures = new Map<string, MinuteQuota>();

  constructor(
    private readonly oidc: OIDC,
    private readonly address: () => ClientAddress,
  ) {}

  /** @throws InvalidClientAuth where there were too many failures */
  check(clientId: string): void {
    if (this.hasRoom(clientId)) return;
    throw new this.oidc.errors.InvalidClientAuth(tooManyFailures);
  }

  readonly middleware = async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    // As oidc-provider has found it: a request can spell an ID in several ways.
    const { clientId = '', clientAuthMethod = '' } = ctx.oidc?.client ?? {};
    const isFailure = (ctx.body as { error?: unknown } | undefined)?.error === 'invalid_client';
    if (!isFailure || !clientAuthMethod.startsWith('client_secret')) return;
    if (this.hasRoom(clientId)) {
      const ofClient = this.failures.get(clientId) ?? new MinuteQuota(limits.guesses);
      ofClient.addForMinute(this.address());
      this.failures.set(clientId, ofClient);
    } else {
      ctx.status = 429;
      ctx.set('Retry-After', '60');
      ctx.remove('WWW-Authenticate');
      ctx.body = { error: 'invalid_client', error_description: tooManyFailures };
    }
  };

  private hasRoom(clientId: string): boolean {
    return this.failures.get(clientId)?.hasRoom(this.address()) !== false;
  }
}

const tooManyFailures = `this client has failed to authenticate ${limits.guesses} times: try again in a minute`;
