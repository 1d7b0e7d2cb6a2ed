/** Another user of the machine replaces the file of the embedded store after the check, and before LMDB opens it. */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as LMDB from 'lmdb';
import { openEmbeddedStore } from '../../lib/stores/index';

let beforeOpening: () => void;
jest.mock('lmdb', () => {
  const lmdb = jest.requireActual<typeof LMDB>('lmdb');
  return {
    ...lmdb,
    open: (...options: Parameters<typeof lmdb.open>) => {
      beforeOpening();
      return lmdb.open(...options);
    },
  };
});

let above: string;
beforeEach(() => (above = mkdtempSync(join(tmpdir(), 'swapped-'))));
afterEach(() => rmSync(above, { recursive: true, force: true }));

it('in a folder that other users can write to: it is refused before anything is written there', async () => {
  const file = join(above, 'store.mdb');
  chmodSync(above, 0o777);
  beforeOpening = () => renameSync(file, `${file}.away`);
  await expect(openEmbeddedStore(file)).rejects.toMatchObject({ code: 'UNSAFE_FILE' });
  expect(existsSync(file)).toBe(false);
});

const run = existsSync('/proc/self/fd') ? it : it.skip;
run('with its whole folder: what is written is in the file that was checked', async () => {
  const [folder, away] = [join(above, 'data'), join(above, 'away')];
  beforeOpening = () => {
    renameSync(folder, away);
    mkdirSync(folder);
  };
  const store = await openEmbeddedStore(join(folder, 'store.mdb'));
  await store.set('key', 'a-secret-of-the-site');
  await store.close();
  expect(existsSync(join(folder, 'store.mdb'))).toBe(false);
  expect(readFileSync(join(away, 'store.mdb'), 'latin1')).toContain('a-secret-of-the-site');
  expect(statSync(join(away, 'store.mdb-lock')).mode & 0o077).toBe(0);
});

run('and opens it again and again: nothing stays open after a store is closed, or refused', async () => {
  beforeOpening = () => undefined;
  const file = join(above, 'data', 'store.mdb');
  const [one, same] = [await openEmbeddedStore(file), await openEmbeddedStore(file)];
  await one.set('n', 1);
  expect(await same.get('n')).toBe(1);
  await Promise.all([one.close(), same.close()]);
  chmodSync(file, 0o644);
  await expect(openEmbeddedStore(file)).rejects.toMatchObject({ code: 'UNSAFE_FILE' });
  expect(open().filter((path) => path.startsWith(above))).toEqual([]);
});

function open(): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      // The descriptor of the listing itself.
      return [];
    }
  });
}
