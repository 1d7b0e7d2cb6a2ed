/** The issuer's keys: generated at the first start, shared by its processes, and rotated without an interruption. */

import { generateKeyPair, randomBytes, type JsonWebKey } from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from './oidc-provider.js';
import type { IssuerStore, RecordName } from './store.js';

/** A process reads the keys again after this time. Milliseconds. */
const lookAgainMs = 60_000;

/** A new key is in the key set for this time before it signs, so that every process and every cache knows it. */
const announceMs = 5 * 60_000;

/**
 * How long the key set holds a key after it last signed. Clients send the ID token of the morning as a hint when their user
 * logs out in the evening. Milliseconds.
 */
const keepMs = 24 * 60 * 60_000;

const name: RecordName = ['keys'];

interface Key {
  /** Private; RSA for RS256, which every OpenID client supports. */
  readonly jwk: JsonWebKey & { readonly kid: string };
  /** Signs cookies. */
  readonly cookie: string;
  /** Milliseconds since the epoch. */
  readonly signsFrom: number;
}

export type KeySet = ReturnType<Keyring['current']>;

interface KeysRecord {
  readonly records: readonly Key[];
}

export class Keyring {
  private keys: readonly Key[] = [];
  private lookedAt = 0;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly store: IssuerStore,
    private readonly now: () => number = Date.now,
  ) {}

  /** @throws Error if the keys in the store are encrypted with another secret */
  async open(): Promise<void> {
    this.keys = await this.read();
    if (this.keys.length === 0) throw new Error(otherSecret);
    this.lookedAt = this.now();
  }

  /** Reads the keys, so that the key set has a new key at once. A failure leaves the known ones. */
  refresh(): Promise<void> {
    return (this.looking ??= this.look());
  }

  /** The keys that are valid now. What another process changed is noticed within a minute. */
  current() {
    if (this.now() - this.lookedAt > lookAgainMs) this.looking ??= this.look();
    const shown = shownAt(this.keys, this.now());
    return {
      /** Changes with the keys and their order. */
      id: shown.map(({ jwk }) => jwk.kid).join(),
      /** Private. The first one signs. */
      jwks: shown.map(({ jwk }) => ({ ...jwk, alg: 'RS256', use: 'sig' }) as JWK),
      cookieKeys: shown.map(({ cookie }) => cookie),
    };
  }

  /** Adds a key that signs in five minutes. Returns when it begins to. */
  async rotate(): Promise<Date> {
    const signsFrom = this.now() + announceMs;
    const next = await newKey(signsFrom);
    const written = await this.store.update<KeysRecord>(name, undefined, (known) => ({
      records: [...shownAt(known?.records ?? [], this.now()), next],
    }));
    this.keys = written?.records ?? this.keys;
    return new Date(signsFrom);
  }

  private async look(): Promise<void> {
    const read = await this.read().catch(() => []);
    if (read.length > 0) this.keys = read;
    this.lookedAt = this.now();
    this.looking = undefined;
  }

  /** The keys in the store; none if they are encrypted with another secret. */
  private async read(): Promise<readonly Key[]> {
    const known = await this.store.get<KeysRecord>(name);
    if (known) return known.records;
    // Without a record, the operator has deleted it, because the keys may be known. Keys that were stored without the secret
    // may have been read.
    const isReplaced = !(await this.store.has(name)) || (await this.store.get(name, ''));
    return isReplaced ? this.make() : [];
  }

  /** Of several processes that start together for the first time, one generates the key for all. */
  private async make(): Promise<readonly Key[]> {
    const first = await newKey(this.now());
    let keys: readonly Key[] = [first];
    await this.store.update<KeysRecord>(name, undefined, (known) => {
      keys = known?.records ?? keys;
      return known ? undefined : { records: keys };
    });
    return keys;
  }
}

/** The key that signs, then keys that will sign, then keys whose signatures may still be in use. */
function shownAt(records: readonly Key[], now: number): readonly Key[] {
  const sorted = records.toSorted((a, b) => a.signsFrom - b.signsFrom);
  const signing = Math.max(
    0,
    sorted.findLastIndex(({ signsFrom }) => signsFrom <= now),
  );
  const past = sorted.slice(0, signing).filter((_, i) => (sorted[i + 1]?.signsFrom ?? 0) + keepMs > now);
  return [...sorted.slice(signing), ...past];
}

async function newKey(signsFrom: number): Promise<Key> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const kid = randomBytes(12).toString('base64url');
  const cookie = randomBytes(32).toString('base64url');
  return { jwk: { ...privateKey.export({ format: 'jwk' }), kid }, cookie, signsFrom };
}

const otherSecret =
  'createIssuer: the signing keys in the store are encrypted with another secret than the option secret. ' +
  'Set the former secret; or delete the record of the keys, which logs all users out';
