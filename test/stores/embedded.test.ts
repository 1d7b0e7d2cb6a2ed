/** The embedded store: durable, private, shared by processes, bounded. */

import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Keyv from 'keyv';
import { openEmbeddedStore, type EmbeddedStore } from '../../lib/stores/index.js';
import { killAll, lines } from '../service/service-process';
import { openFile, remover, writer } from './stage';

let folder: string;
let file: string;
let store: EmbeddedStore;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'embedded-store-'));
  file = join(folder, 'deep', 'store.mdb');
  store = await openEmbeddedStore(file);
});

afterEach(async () => {
  await killAll();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** An empty file that is private. */
function made(path: string): string {
  writeFileSync(path, '', { mode: 0o600 });
  return path;
}

/** The content of the file: the number of entries, and their expiry times. */
async function counts(): Promise<[number, number]> {
  const { root, items, expiries } = openFile(file);
  const found: [number, number] = [items.getCount(), expiries.getCount()];
  await root.close();
  return found;
}

describe('one process', () => {
  it('may close it twice, which closes no other file', async () => {
    await store.close();
    const files = Array.from({ length: 20 }, () => openSync(file, 'r'));
    await Promise.all([store.close(), store.close()]);
    for (const one of files) closeSync(one);
  });

  it('keeps JSON values until they are replaced, deleted or expired', async () => {
    expect(await store.get('a')).toBeUndefined();
    expect(await store.set('a', { deep: [1, 'ü', null] })).toBe(true);
    expect(await store.get('a')).toEqual({ deep: [1, 'ü', null] });
    await store.set('a', 2, 60_000);
    expect(await store.get('a')).toBe(2);
    expect([await store.delete('a'), await store.delete('a')]).toEqual([true, false]);
    expect(await store.get('a')).toBeUndefined();
    await store.set('a', 3, 1);
    await pause(5);
    expect([await store.get('a'), await store.delete('a')]).toEqual([undefined, false]);
  });

  it('keeps them over a restart, in a file that only the owner can read', async () => {
    await store.set('a', 'kept', 60_000);
    await store.close();
    store = await openEmbeddedStore(file);
    expect(await store.get('a')).toBe('kept');
    const modes = [file, `${file}-lock`].map((name) => statSync(name).mode & 0o077);
    expect(modes).toEqual([0, 0]);
  });

  it('removes expired entries from the file, and no others', async () => {
    await Promise.all(Array.from({ length: 1_100 }, (_, i) => store.set(`short:${i}`, i, 1)));
    await store.set('long', 'stays', 60_000);
    await store.set('endless', 'stays');
    await pause(5);
    expect(await store.get('short:0')).toBeUndefined();
    expect(await store.delete('short:0')).toBe(false);
    expect(await store.sweep()).toBe(1_099);
    expect(await store.sweep()).toBe(0);
    expect([await store.get('long'), await store.get('endless')]).toEqual(['stays', 'stays']);
    expect(await counts()).toEqual([2, 1]);
  });

  it('uses the last time to live', async () => {
    await store.set('renewed', 'first', 1);
    await store.set('renewed', 'second', 60_000);
    await store.set('kept', 'first', 1);
    await store.set('kept', 'second');
    await store.set('endless', 'first', 1);
    await store.set('endless', 'second', 0);
    await pause(5);
    expect(await store.sweep()).toBe(0);
    const found = await Promise.all(['renewed', 'kept', 'endless'].map((key) => store.get(key)));
    expect(found).toEqual(['second', 'second', 'second']);
  });

  it('ends a sweep that finds an expiry time without its entry', async () => {
    const { root, expiries } = openFile(file);
    await Promise.all(Array.from({ length: 500 }, (_, i) => expiries.put([1, `lost:${i}`], true)));
    await root.close();
    expect(await store.sweep()).toBe(500);
    expect(await counts()).toEqual([0, 0]);
  });

  it('rejects values that cannot be written, and keeps the old ones', async () => {
    await store.set('a', 'before');
    const unwritable = {
      toJSON: () => {
        throw new Error('no JSON');
      },
    };
    await expect(store.set('a', unwritable)).rejects.toThrow('no JSON');
    await expect(store.set('a', { toJSON: () => JSON.parse('{') })).rejects.toThrow();
    await expect(store.set('x'.repeat(5_000), 1)).rejects.toThrow();
    expect(await store.get('a')).toBe('before');
  });

  it.each<[string, (whole: Buffer) => Buffer]>([
    ['cut after its magic number', (whole) => whole.subarray(0, 28)],
    ['cut after its first page', (whole) => whole.subarray(0, 4096)],
    ['cut after its headers', (whole) => whole.subarray(0, 8192)],
    [
      'overwritten in its header',
      (whole) => Buffer.concat([whole.subarray(0, 32), Buffer.alloc(16, 0xff), whole.subarray(48)]),
    ],
  ])('refuses a database that was %s, which would end the process', async (_what, damage) => {
    for (let i = 0; i < 20; i++) await store.set(`key ${i}`, 'x'.repeat(500));
    const path = join(folder, 'copy.mdb');
    writeFileSync(path, damage(readFileSync(file)), { mode: 0o600 });
    await expect(openEmbeddedStore(path)).rejects.toMatchObject({ code: 'DAMAGED_DATABASE' });
  });

  it('is refused below a folder in which all users can replace it', async () => {
    const open = join(folder, 'for all');
    mkdirSync(join(open, 'own'), { recursive: true, mode: 0o700 });
    chmodSync(open, 0o777);
    const path = join(open, 'own', 'store.mdb');
    await expect(openEmbeddedStore(path)).rejects.toMatchObject({ code: 'UNSAFE_FILE' });
    // A link there could be changed as well.
    const link = join(open, 'link');
    symlinkSync(folder, link);
    await expect(openEmbeddedStore(join(link, 'deep', 'store.mdb'))).rejects.toMatchObject({
      code: 'UNSAFE_FILE',
    });
    // Like /tmp: only its owner can move a file away.
    chmodSync(open, 0o1777);
    await (await openEmbeddedStore(path)).close();
  });

  it('refuses the file of another program', async () => {
    const other = join(folder, 'other.db');
    writeFileSync(other, 'something else '.repeat(1_000), { mode: 0o600 });
    await expect(openEmbeddedStore(other)).rejects.toThrow('not an LMDB file');
  });

  it.each<[string, (path: string) => void, string]>([
    ['that others may read', (path) => writeFileSync(path, '', { mode: 0o644 }), 'run chmod 600'],
    ['that others may write', (path) => chmodSync(made(path), 0o622), 'run chmod 600'],
    [
      'that is a link to another one',
      (path) => symlinkSync(made(`${path}.other`), path),
      'is a symbolic link',
    ],
    ['that is a link to nothing', (path) => symlinkSync(`${path}.other`, path), 'is a symbolic link'],
    ['with a second name', (path) => linkSync(made(`${path}.other`), path), 'has a second name'],
    ['that is a folder', (path) => mkdirSync(path), 'EISDIR'],
  ])(
    'writes no secret into a file %s, prepared by another user of the machine',
    async (_what, prepare, problem) => {
      for (const part of ['', '-lock']) {
        const path = join(folder, `prepared${part}.mdb`);
        prepare(path + part);
        await expect(openEmbeddedStore(path)).rejects.toThrow(problem);
        expect(existsSync(`${path}.other`) ? readFileSync(`${path}.other`, 'utf8') : '').toBe('');
      }
    },
  );

  it('works as the store of a Keyv', async () => {
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
  it('lose no acknowledged write when one is killed while it writes', async () => {
    for (const atLeast of [1, 150, 700]) {
      const writers = [writer(file), writer(file)];
      await Promise.all(writers.map((process) => lines(process, atLeast)));
      await Promise.all(writers.map((process) => process.kill('SIGKILL')));
      const acknowledged = writers.flatMap(({ output }) => output);
      const found = await Promise.all(acknowledged.map((key) => store.get(key)));
      expect(acknowledged.filter((_, i) => found[i] === undefined)).toEqual([]);
      // The lock of the killed process does not stay.
      expect(await store.set('after', atLeast)).toBe(true);
    }
  });

  it('read at once what another one wrote', async () => {
    const key = await lines(writer(file), 1);
    expect(await store.get(key)).toBeDefined();
  });

  it('let exactly one of all callers delete an entry', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `login:${i}`);
    await Promise.all(keys.map((key) => store.set(key, 1, 60_000)));
    const rivals = [remover(file, keys), remover(file, keys.toReversed())];
    await Promise.all(rivals.map((rival) => lines(rival, 1)));
    for (const rival of rivals) rival.write('go\n');
    const here = await Promise.all(keys.map((key) => store.delete(key)));
    await Promise.all(rivals.map(({ ended }) => ended));
    const winners = [...keys.filter((_, i) => here[i]), ...rivals.flatMap(({ output }) => output)];
    expect(winners.filter((line) => line.startsWith('login:')).sort()).toEqual([...keys].sort());
  });
});
