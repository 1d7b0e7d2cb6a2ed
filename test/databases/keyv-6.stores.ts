/** Keyv 6 without a server. Its adapters for databases are among the other kinds of store. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyValueStore } from '../../lib/options.js';
import { Store } from '../../lib/store.js';
import { itKeepsTheContract, itReportsFailures } from '../stores/contract.js';
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

itReportsFailures('a Keyv 6', (inner) => aStore(Object.assign(inner, { clear: async () => undefined })));

it.each([
  ['nothing', undefined],
  ['a Map', new Map()],
])('a Keyv 6 around %s is known to be of this process alone', async (_what, inner) => {
  expect((await aStore(inner)).isShared).toBe(false);
});
