/** A store that works until a test breaks it in one of many ways. */

import type { KeyValueStore } from '../../lib/options.js';
import { JSONStore } from './stage.js';

export type Operation = 'get' | 'set' | 'delete';

/** What happens in place of an operation; `real` is the unbroken operation. */
export type Fault = (real: () => Promise<unknown>, operation: Operation, store: BadStore) => unknown;

export class BadStore implements KeyValueStore {
  readonly inner = new JSONStore();
  /** Like Keyv in memory: private to one process, without locks. */
  readonly store?: Map<string, unknown>;
  /** The number of operations since the start. */
  calls = 0;
  private readonly faults = new Map<Operation, Fault>();
  private breaksAt = 0;
  private readonly listeners: ((error: Error) => void)[] = [];
  private readonly unanswered: ((error: Error) => void)[] = [];

  constructor({ shared = true } = {}) {
    if (!shared) this.store = new Map();
  }

  get(key: string): unknown {
    return this.run('get', () => this.inner.get(key));
  }

  set(key: string, value: unknown): unknown {
    return this.run('set', () => this.inner.set(key, value));
  }

  delete(key: string): unknown {
    return this.run('delete', () => this.inner.delete(key));
  }

  /** Like an EventEmitter, so that errors can be reported in Keyv's way. */
  on(event: string, listener: (error: Error) => void): this {
    if (event === 'error') this.listeners.push(listener);
    return this;
  }

  emitError(): void {
    for (const listener of this.listeners) listener(new Error('of the adapter'));
  }

  break(fault: Fault, operations: readonly Operation[] = ['get', 'set', 'delete']): this {
    for (const operation of operations) this.faults.set(operation, fault);
    this.breaksAt = 0;
    return this;
  }

  /** Works for so many more operations, and then breaks. */
  breakAfter(operations: number, fault: Fault): void {
    this.break(fault);
    this.breaksAt = this.calls + operations;
  }

  heal(): void {
    this.faults.clear();
  }

  empty(): void {
    this.inner.records.clear();
  }

  /** Keyv accepts only adapters that have it. */
  clear(): void {
    this.empty();
  }

  /** The keys of one kind of record, such as `client`. */
  keysOf(kind: string): string[] {
    return [...this.inner.records.keys()].filter((key) => key.includes(`:${kind}:`));
  }

  record(key: string): Record<string, unknown> {
    return JSON.parse(this.inner.records.get(key) ?? 'null') as Record<string, unknown>;
  }

  put(key: string, record: unknown): void {
    this.inner.records.set(key, JSON.stringify(record) ?? 'null');
  }

  /** A response that does not come before the end of the test. */
  never(): Promise<never> {
    return new Promise((_resolve, reject) => this.unanswered.push(reject));
  }

  /** The number of operations without a response. */
  get waiting(): number {
    return this.unanswered.length;
  }

  release(): void {
    for (const reject of this.unanswered.splice(0)) reject(new Error('released'));
  }

  private run(operation: Operation, real: () => Promise<unknown>): unknown {
    this.calls += 1;
    const fault = this.calls > this.breaksAt ? this.faults.get(operation) : undefined;
    return fault ? fault(real, operation, this) : real();
  }
}

/** The ways in which every operation fails, by name. */
export const breakdowns: Readonly<Record<string, Fault>> = {
  throws: () => {
    throw new Error('thrown by the adapter');
  },
  rejects: () => Promise.reject(new Error('rejected by the adapter')),
  'rejects with nothing': () => Promise.reject(undefined as unknown as Error),
  'emits its errors and goes on': (_real, operation, store) => {
    store.emitError();
    return Promise.resolve(operation === 'get' ? undefined : false);
  },
  'never answers': (_real, _operation, store) => store.never(),
};

/** Ways in which a store is slow, but correct. */
export const delays: Readonly<Record<string, Fault>> = {
  late: (real) => new Promise((resolve) => setTimeout(resolve, 20)).then(real),
  // The operation happens at once, and its response may be faster or slower than others.
  'out of order': async (real, operation) => {
    const result = await real();
    await new Promise((resolve) => setTimeout(resolve, operation === 'get' ? 15 : 1));
    return result;
  },
};

/** Records that may be in a store because of other users or of incomplete writes. */
export const strangeRecords: Readonly<Record<string, unknown>> = {
  text: 'a text',
  'an empty text': '',
  'a number': 7,
  zero: 0,
  true: true,
  false: false,
  'an empty object': {},
  'an empty array': [],
  'an array': [{ origin: 'https://social.example' }],
  nested: { value: { value: {} }, expires: null },
  'of another program': { cookie: { path: '/' }, passport: { user: 'alice' } },
  'of another type': { clientId: 1, clientSecret: {}, key: [], redirectURI: null, scope: true },
  'with a prototype': JSON.parse('{"__proto__":{"clientId":"x"},"constructor":"x","toString":1}') as unknown,
};

/** The record without one of its fields each, or empty. */
export function halves(record: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
  return Object.keys(record).flatMap((name) => {
    const rest = { ...record };
    delete rest[name];
    return [rest, { ...record, [name]: null }, { ...record, [name]: { of: 'another type' } }];
  });
}
