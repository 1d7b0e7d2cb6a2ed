/** The apps, codes and tokens of a stand-in, as a store of the testing instance and as maps for tests. */

import type { KeyValueStore } from '../../../lib/options.js';
import type { TestApp, Code, Token } from '../../../lib/testing/records.js';

/** A redeemed code stays, so that a test can look at it. */
export type KeptCode = Code & { used: boolean };

export class Records implements KeyValueStore {
  readonly apps = new Map<string, TestApp>();
  readonly codes = new Map<string, KeptCode>();
  readonly tokens = new Map<string, Token>();
  /** Tokens by their refresh token. */
  private readonly refreshable = new Map<string, Token>();

  /** @param keepsCodes whether a code can be used any number of times */
  constructor(private readonly keepsCodes: () => boolean = () => false) {}

  get(key: string): unknown {
    const [map, id] = this.find(key);
    return map.get(id);
  }

  set(key: string, value: unknown): void {
    const [map, id] = this.find(key);
    const isCode = (map as unknown) === this.codes;
    (map as Map<string, unknown>).set(id, isCode ? { ...(value as Code), used: false } : value);
  }

  delete(key: string): boolean {
    const [map, id] = this.find(key);
    if ((map as unknown) !== this.codes) return map.delete(id);
    const code = this.codes.get(id);
    if (!code || (code.used && !this.keepsCodes())) return false;
    code.used = true;
    return true;
  }

  clear(): void {
    for (const map of [this.apps, this.codes, this.tokens, this.refreshable]) map.clear();
  }

  private find(key: string): [map: Map<string, TestApp | KeptCode | Token>, id: string] {
    const { apps: app, codes: code, tokens: token, refreshable: refresh } = this;
    const kind = key.slice(0, key.indexOf(':')) as 'app' | 'code' | 'token' | 'refresh';
    return [
      { app, code, token, refresh }[kind] as Map<string, TestApp | KeptCode | Token>,
      key.slice(kind.length + 1),
    ];
  }
}
