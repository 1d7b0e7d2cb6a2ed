/** A Keyv 6 where it needs no server; its adapters stand among the other kinds. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyValueStore } from '../../lib/options.js';
import { Store } from '../../lib/store.js';
import { BadStore, type Operation } from '../support/bad-store.js';
import { itKeepsTheContract } from '../stores/contract.js';
import { keyv6Openers } from './kinds.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
function aFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'keyv-6-'));
  folders.push(folder);
  return join(folder, 'store');
}

itKeepsTheContract('a Keyv 6 in memory', { opener: () => [keyv6Openers, 'memory'], isShared: false });
itKeepsTheContract('the embedded store in a Keyv 6', {
  opener: () => [keyv6Openers, 'embedded', aFile()],
});

async function aStore(inner?: object): Promise<Store> {
  const { around } = (await import(keyv6Openers)) as { around: (inner?: object) => KeyValueStore };
  return new Store(around(inner), 5000);
}

it.each<[Operation, string]>([
  ['get', 'read'],
  ['set', 'save'],
  ['delete', 'take'],
])('a Keyv 6 cannot hide that its adapter failed to %s', async (operation, asked) => {
  const inner = new BadStore();
  const store = await aStore(Object.assign(inner, { clear: async () => undefined }));
  await store.set('key', { n: 1 });
  inner.break(() => Promise.reject(new Error('of the adapter')), [operation]);
  const work = {
    read: () => store.get('key'),
    save: () => store.set('key', {}),
    take: () => store.take('key'),
  };
  await expect(work[asked as keyof typeof work]()).rejects.toMatchObject({ code: 'store_failed' });
});

it.each([
  ['nothing', undefined],
  ['a Map', new Map()],
])('a Keyv 6 around %s is known to be of this process alone', async (_what, inner) => {
  expect((await aStore(inner)).isShared).toBe(false);
});
