/** The contract of stores, with those that need no server, and with Redis. Others: `npm run test:part -- stores`. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Opener } from '../support/open-store.js';
import { redisAvailable, startRedis, type Redis } from '../support/redis.js';
import { itKeepsTheContract } from './contract.js';

const openers = join(__dirname, 'openers.ts');
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function inAFolder(name: string): Opener {
  const folder = mkdtempSync(join(tmpdir(), 'store-contract-'));
  folders.push(folder);
  return [openers, name, join(folder, 'store')];
}

const oneProcess = { isShared: false } as const;
itKeepsTheContract('the default store', { opener: () => [openers, 'byDefault'], ...oneProcess });
itKeepsTheContract('a Keyv 5 in memory', { opener: () => [openers, 'keyv'], ...oneProcess });
itKeepsTheContract('a Map', { opener: () => [openers, 'map'], ...oneProcess, forgets: false });
itKeepsTheContract('a plain object', { opener: () => [openers, 'plain', aPlace()], forgets: false });
itKeepsTheContract('a plain object whose delete answers nothing', {
  opener: () => [openers, 'silentDelete', aPlace()],
  forgets: false,
});
itKeepsTheContract('the embedded store', { opener: () => inAFolder('embedded'), hasLocks: true });
itKeepsTheContract('the embedded store in a Keyv', { opener: () => inAFolder('embeddedInKeyv') });

const missing = redisAvailable();
let redis: Redis;
beforeAll(async () => void (missing === undefined && (redis = await startRedis())));
afterAll(async () => redis?.stop());
const onRedis = (name: string) => (): Opener => [openers, name, redis.url];
itKeepsTheContract('redisStore', { opener: onRedis('redis'), hasLocks: true }, missing);
itKeepsTheContract('a Keyv on Redis', { opener: onRedis('redisInKeyv') }, missing);

let places = 0;
function aPlace(): string {
  return `place ${places++}`;
}
