/** The service's embedded database: durable, shared by processes, bounded. */

import { mkdtempSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openEmbeddedStore, type EmbeddedStore } from '../../lib/bridge/lmdb-store.js';
import { lines, startNode, type NodeProcess } from './service-process';

let folder: string;
let store: EmbeddedStore;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'embedded-store-'));
  store = await openEmbeddedStore(join(folder, 'deep', 'store.mdb'));
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the embedded store', () => {
  it('keeps JSON values until they are replaced, deleted or over', async () => {
    expect(await store.get('a')).toBeUndefined();
    expect(await store.set('a', { deep: [1, 'ü', null] })).toBe(true);
    expect(await store.get('a')).toEqual({ deep: [1, 'ü', null] });
    await store.set('a', 2, 60_000);
    expect(await store.get('a')).toBe(2);
    expect([await store.delete('a'), await store.delete('a')]).toEqual([true, false]);
    await store.set('a', 3, 1);
    await pause(5);
    expect([await store.get('a'), await store.delete('a')]).toEqual([undefined, false]);
  });

  it('sweeps out what is over, and nothing else', async () => {
    await Promise.all(Array.from({ length: 700 }, (_, i) => store.set(`short:${i}`, i, 1)));
    await store.set('renewed', 'first', 1);
    await store.set('renewed', 'second', 60_000);
    await store.set('kept', 'first', 1);
    await store.set('kept', 'second');
    await pause(5);
    expect(await store.sweep()).toBe(700);
    expect(await store.sweep()).toBe(0);
    expect([await store.get('renewed'), await store.get('kept')]).toEqual(['second', 'second']);
  });

  it('rejects what cannot be written, and leaves what was there', async () => {
    await store.set('a', 'before');
    const unwritable = {
      toJSON: () => {
        throw new Error('no JSON');
      },
    };
    await expect(store.set('a', unwritable)).rejects.toThrow('no JSON');
    await expect(store.set('x'.repeat(5_000), 1)).rejects.toThrow();
    expect(await store.get('a')).toBe('before');
  });

  it('makes its files for their owner alone, also in a folder', async () => {
    mkdirSync(join(folder, 'data'));
    const other = await openEmbeddedStore(join(folder, 'data'));
    await other.set('a', 1);
    await other.close();
    const files = readdirSync(join(folder, 'data'));
    expect(files.sort()).toEqual(['authenticator.mdb', 'authenticator.mdb-lock']);
    expect(files.map((name) => statSync(join(folder, 'data', name)).mode & 0o077)).toEqual([0, 0]);
  });

  it('does not take the file of another program', async () => {
    const file = join(folder, 'other.db');
    writeFileSync(file, 'something else '.repeat(1_000));
    await expect(openEmbeddedStore(file)).rejects.toThrow('not an LMDB file');
  });
});

describe('several processes', () => {
  const code = (job: string) => `
    const { openEmbeddedStore } = require('./dist/bridge/lmdb-store.js');
    void (async () => {
      const store = await openEmbeddedStore(${JSON.stringify(join(folder, 'deep', 'store.mdb'))});
      ${job}
    })();`;
  const writer = () =>
    startNode(
      code(`for (let i = 0; ; i++) {
        const key = process.pid + ':' + i;
        await store.set(key, { i }, 600_000);
        process.stdout.write(key + '\\n');
      }`),
    );
  const remover = (keys: readonly string[]) =>
    startNode(
      code(`process.stdout.write('ready\\n');
        await new Promise((resolve) => process.stdin.once('data', resolve));
        const keys = ${JSON.stringify(keys)};
        const won = await Promise.all(keys.map((key) => store.delete(key)));
        process.stdout.write(keys.filter((_, i) => won[i]).concat('done').join('\\n') + '\\n');
        process.exit();`),
    );

  it('lose no write that was acknowledged when one is killed', async () => {
    for (const atLeast of [1, 50, 200]) {
      const writers: NodeProcess[] = [writer(), writer()];
      await Promise.all(writers.map((process) => lines(process, atLeast)));
      await Promise.all(writers.map((process) => process.kill('SIGKILL')));
      const acknowledged = writers.flatMap(({ output }) => output);
      const found = await Promise.all(acknowledged.map((key) => store.get(key)));
      expect(acknowledged.filter((_, i) => found[i] === undefined)).toEqual([]);
      // The lock of the killed process does not stay behind.
      expect(await store.set('after', atLeast)).toBe(true);
    }
  });

  it('let exactly one of all callers delete an entry', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `login:${i}`);
    await Promise.all(keys.map((key) => store.set(key, 1, 60_000)));
    const rivals = [remover(keys), remover(keys.toReversed())];
    await Promise.all(rivals.map((rival) => lines(rival, 1)));
    for (const rival of rivals) rival.write('go\n');
    const here = await Promise.all(keys.map((key) => store.delete(key)));
    await Promise.all(rivals.map(({ ended }) => ended));
    const winners = [...keys.filter((_, i) => here[i]), ...rivals.flatMap(({ output }) => output)];
    expect(winners.filter((line) => line.startsWith('login:')).sort()).toEqual([...keys].sort());
  });
});
