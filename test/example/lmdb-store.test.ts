/** The example's store: durable, shared by processes, bounded. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Keyv from 'keyv';

interface Store {
  namespace: string | undefined;
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, ttl?: number): Promise<true>;
  delete(key: string): Promise<boolean>;
  clear(): Promise<void>;
  sweep(): Promise<number>;
  close(): Promise<void>;
  entries: { getCount(): number };
  expiries: { getCount(): number };
}
const { LmdbStore } = require('../../example/lmdb-store.js') as { LmdbStore: new (file: string) => Store };

let folder: string;
let file: string;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lmdb-store-'));
  file = join(folder, 'data', 'store.mdb');
  store = new LmdbStore(file);
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('one process', () => {
  it('keeps JSON values until they are replaced or deleted', async () => {
    expect(await store.get('a')).toBeUndefined();
    expect(await store.set('a', { deep: [1, 'ü'] })).toBe(true);
    expect(await store.get('a')).toEqual({ deep: [1, 'ü'] });
    await store.set('a', 2);
    expect(await store.get('a')).toBe(2);
    expect(await store.delete('a')).toBe(true);
    expect(await store.delete('a')).toBe(false);
    expect(await store.get('a')).toBeUndefined();
  });

  it('keeps them through a restart, readable for the owner only', async () => {
    await store.set('a', 'kept', 60_000);
    await store.close();
    store = new LmdbStore(file);
    expect(await store.get('a')).toBe('kept');
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  it('forgets expired entries, and sweeps them out of the file', async () => {
    await Promise.all(Array.from({ length: 1_100 }, (_, i) => store.set(`short${i}`, i, 1)));
    await store.set('long', 'stays', 60_000);
    await store.set('endless', 'stays');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await store.get('short0')).toBeUndefined();
    expect(await store.delete('short0')).toBe(false);
    expect(await store.sweep()).toBe(1_099);
    expect([store.entries.getCount(), store.expiries.getCount()]).toEqual([2, 1]);
  });

  it('lets the last time to live count', async () => {
    await store.set('a', 'first', 1);
    await store.set('a', 'second', 60_000);
    await store.set('b', 'first', 1);
    await store.set('b', 'second');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await store.sweep()).toBe(0);
    expect([await store.get('a'), await store.get('b')]).toEqual(['second', 'second']);
  });

  it('rejects what it cannot write, and leaves what was there', async () => {
    await store.set('a', 'before');
    await expect(store.set('a', { toJSON: () => JSON.parse('{') })).rejects.toThrow();
    await expect(store.set('x'.repeat(5_000), 1)).rejects.toThrow();
    expect(await store.get('a')).toBe('before');
  });

  it('serves as the store of a Keyv', async () => {
    const keyv = new Keyv({ store, namespace: 'site' });
    await store.set('outside', 1);
    await keyv.set('a', { b: 1 }, 60_000);
    expect(await keyv.get('a')).toEqual({ b: 1 });
    expect([await keyv.delete('a'), await keyv.delete('a')]).toEqual([true, false]);
    await keyv.set('c', 1);
    await keyv.clear();
    expect([await keyv.get('c'), await store.get('outside')]).toEqual([undefined, 1]);
  });
});

describe('several processes', () => {
  function child(job: string, ...keys: string[]): { process: ChildProcess; lines: string[] } {
    const process = spawn('node', [join(__dirname, 'store-child.js'), job, file, ...keys], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    createInterface({ input: process.stdout! }).on('line', (line) => lines.push(line));
    return { process, lines };
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it('loses no acknowledged write when a process is killed in the middle of writing', async () => {
    for (const atLeast of [1, 150, 700]) {
      const writers = [child('write'), child('write')];
      await until(() => writers.every(({ lines }) => lines.length >= atLeast));
      const closed = writers.map(({ process }) => once(process, 'close'));
      for (const { process } of writers) process.kill('SIGKILL');
      await Promise.all(closed);
      const acknowledged = writers.flatMap(({ lines }) => lines);
      const found = await Promise.all(acknowledged.map((key) => store.get(key)));
      expect(acknowledged.filter((_, i) => found[i] === undefined)).toEqual([]);
      // The lock of the killed writer does not stay behind.
      expect(await store.set('after', atLeast)).toBe(true);
    }
  });

  it('sees at once what another process wrote', async () => {
    const writer = child('write');
    await until(() => writer.lines.length > 0);
    expect(await store.get(writer.lines.at(-1)!)).toBeDefined();
    writer.process.kill('SIGKILL');
    await once(writer.process, 'close');
  });

  it('lets exactly one of all callers delete an entry', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `login:${i}`);
    await Promise.all(keys.map((key) => store.set(key, 1, 60_000)));
    const rivals = [child('remove', ...keys), child('remove', ...keys.toReversed())];
    await until(() => rivals.every(({ lines }) => lines.includes('ready')));
    for (const { process } of rivals) process.stdin!.write('go\n');
    const here = await Promise.all(keys.map((key) => store.delete(key)));
    await until(() => rivals.every(({ lines }) => lines.includes('done')));
    const winners = [...keys.filter((_, i) => here[i]), ...rivals.flatMap(({ lines }) => lines)];
    expect(winners.filter((line) => line.startsWith('login:')).sort()).toEqual([...keys].sort());
  });
});
