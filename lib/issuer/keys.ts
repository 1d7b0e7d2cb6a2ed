/** The issuer's keys: made at the first start, shared by its processes, and followed by new ones without a break. */

import { generateKeyPair, randomBytes, type JsonWebKey } from 'node:crypto';
import { promisify } from 'node:util';
import { underLease } from '../client/lock.js';
import type { Store } from '../store.js';
import type { JWK } from './library.js';
import type { RecordKeys } from './records.js';

/** How old a process's knowledge of the keys may be. Milliseconds. */
const lookAgainMs = 60_000;

/** A new key is shown for so long before it signs that every process, and every cache of the key set, knows it. */
const announceMs = 5 * 60_000;

/**
 * How long a key is shown after it last signed. What it signed has expired after an hour or two; but clients show the
 * ID token of the morning again when their user logs out in the evening. Milliseconds.
 */
const keepMs = 24 * 60 * 60_000;

const maxWaitMs = 10_000;

interface KeyRecord {
  /** Private; RSA, for RS256: the one algorithm that every client of OpenID has to know. */
  readonly jwk: JsonWebKey & { readonly kid: string };
  /** Signs cookies. */
  readonly cookie: string;
  /** Milliseconds since the epoch. */
  readonly signsFrom: number;
}

export interface KeySet {
  /** Changes with the set, and with the order. */
  readonly id: string;
  /** Private; the first one signs. */
  readonly jwks: readonly JWK[];
  readonly cookieKeys: readonly string[];
}

export class Keyring {
  private records: readonly KeyRecord[] = [];
  private lookedAt = 0;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly store: Store,
    private readonly keys: RecordKeys,
    private readonly now: () => number = Date.now,
  ) {}

  /** @throws MastodonError `store_failed`, `timeout` */
  async open(): Promise<void> {
    this.records =
      (await this.read()) ??
      (await this.alone(
        () => this.read(),
        () => this.make(),
      ));
    this.lookedAt = this.now();
  }

  /** What to sign and check with now. What another process changed is noticed within a minute. */
  current(): KeySet {
    if (this.now() - this.lookedAt > lookAgainMs) this.looking ??= this.look();
    const shown = shownAt(this.records, this.now());
    return {
      id: shown.map(({ jwk }) => jwk.kid).join(),
      jwks: shown.map(({ jwk }) => ({ ...jwk, alg: 'RS256', use: 'sig' }) as JWK),
      cookieKeys: shown.map(({ cookie }) => cookie),
    };
  }

  /**
   * Adds a key that will sign five minutes from now. Nobody is logged out.
   * @returns when it begins to sign
   * @throws MastodonError `store_failed`, `timeout`
   */
  async rotate(): Promise<Date> {
    const signsFrom = this.now() + announceMs;
    const next = await newKey(signsFrom);
    this.records = await this.alone(
      async () => undefined,
      async () => {
        const known = (await this.read()) ?? this.records;
        return this.write([...shownAt(known, this.now()).toSorted(byAge), next]);
      },
    );
    return new Date(signsFrom);
  }

  private async look(): Promise<void> {
    try {
      this.records = (await this.read()) ?? this.records;
    } catch {
      // What is known goes on being used; the login at hand will notice the store by itself.
    } finally {
      this.lookedAt = this.now();
      this.looking = undefined;
    }
  }

  private async make(): Promise<readonly KeyRecord[]> {
    return this.write([await newKey(this.now())]);
  }

  /** Two processes that start together must not both make the first key, nor one undo the other's. */
  private alone(
    result: () => Promise<readonly KeyRecord[] | undefined>,
    work: () => Promise<readonly KeyRecord[]>,
  ): Promise<readonly KeyRecord[]> {
    if (!this.store.isShared) return work();
    return underLease(this.store, this.keys.of('keys', 'lease'), maxWaitMs, result, work);
  }

  private async read(): Promise<readonly KeyRecord[] | undefined> {
    const found = (await this.store.readOrNone(this.keys.of('keys'), 'is none')) as
      { records?: KeyRecord[] } | undefined;
    return found?.records;
  }

  private async write(records: readonly KeyRecord[]): Promise<readonly KeyRecord[]> {
    await this.store.save(this.keys.of('keys'), { records });
    return records;
  }
}

function byAge(a: KeyRecord, b: KeyRecord): number {
  return a.signsFrom - b.signsFrom;
}

/** The one that signs comes first, then those that will, then those whose signatures may still be about. */
function shownAt(records: readonly KeyRecord[], now: number): readonly KeyRecord[] {
  const sorted = records.toSorted(byAge);
  const signing = Math.max(
    0,
    sorted.findLastIndex(({ signsFrom }) => signsFrom <= now),
  );
  const past = sorted.slice(0, signing).filter((_, i) => (sorted[i + 1]?.signsFrom ?? 0) + keepMs > now);
  return [...sorted.slice(signing), ...past];
}

async function newKey(signsFrom: number): Promise<KeyRecord> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const kid = randomBytes(12).toString('base64url');
  const cookie = randomBytes(32).toString('base64url');
  return { jwk: { ...privateKey.export({ format: 'jwk' }), kid }, cookie, signsFrom };
}
